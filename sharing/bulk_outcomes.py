"""What can become of one location of many: the words of the preview, of the result and of its file."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Outcome(TextChoices):
    """One word per row. Which of them change something stands in CHANGING."""

    NEW = "new", _("is invited")
    MORE = "more", _("has access, is offered more")
    AGAIN = "again", _("was invited already, is invited again")
    ENDED = "ended", _("access ends")
    CHANGED = "changed", _("is changed")
    ADDED = "added", _("is added")
    HAS_ACCESS = "has_access", _("already has access")
    THE_SAME = "the_same", _("is so already")
    NOTHING = "nothing", _("has no access here")
    NOT_YOURS = "not_yours", _("not yours to share or change")
    OTHERS = "others", _("somebody else has invited them already")
    ARCHIVED = "archived", _("the location is archived")
    BEYOND = "beyond", _("your own access ends sooner")
    REFUSED = "refused", _("takes no shared locations at the moment")
    GONE = "gone", _("the invitation no longer stands")
    FAILED = "failed", _("not done: an error on our side")


CHANGING = (
    Outcome.NEW,
    Outcome.MORE,
    Outcome.AGAIN,
    Outcome.ENDED,
    Outcome.CHANGED,
    Outcome.ADDED,
)
