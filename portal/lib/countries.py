"""The countries an address can be in."""

from django.utils.translation import gettext_lazy as _

COUNTRIES = [
    ("DK", _("Denmark")),
    ("SE", _("Sweden")),
    ("NO", _("Norway")),
    ("FI", _("Finland")),
    ("DE", _("Germany")),
    ("NL", _("Netherlands")),
    ("GB", _("United Kingdom")),
]
