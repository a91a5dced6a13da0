"""The e-mail that asks to review who has access; `sharing.reviews.reminders` queues it."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.mail.outbox import Message, absolute_url


def message_to_review(parties: int, locations: int, unused: int) -> Message:
    """How much there is to review, and the way to it."""
    who = ngettext("{n} party", "{n} parties", parties).format(n=parties)
    what = ngettext("{n} location", "{n} locations", locations).format(n=locations)
    heading = _("Who can see your locations? Keep or end")
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            ngettext(
                "{n} party outside can see locations that you share.",
                "{n} parties outside can see locations that you share.",
                parties,
            ).format(n=parties),
            _("Look through them, and keep what is still needed or end it. Your answers go on the record."),
        ),
        facts=(
            (_("Who has access"), who),
            (_("Locations"), what),
            (_("Not opened for 12 months"), str(unused)),
        ),
        button=(_("Review access"), absolute_url("sharing:review")),
        closing=(
            _(
                "How often you are asked stands in the settings of your organisation, and for what you share "
                "personally on the page itself."
            ),
        ),
        reason=_("You get this because this access is yours to end."),
    )
