"""How moments and addresses are put to people."""

from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def until(moment: datetime) -> str:
    """A moment in the reader's language and the portal's time zone: "29 November 2026 07:17"."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'DATE_FORMAT')} {date_format(local, 'TIME_FORMAT')}"


def last_day(moment: datetime) -> str:
    """When access ends, as people say it: the last day, or the very moment where it is not a midnight."""
    local = timezone.localtime(moment)
    if (local.hour, local.minute) != (0, 0):
        return until(moment)
    return date_format(date_of(moment), "DATE_FORMAT")


def date_of(moment: datetime) -> date:
    """The last day on which there is still something before `moment`, a midnight being the end of a day."""
    return (timezone.localtime(moment) - timedelta(microseconds=1)).date()


def time_left(moment: datetime) -> str:
    """How long until `moment`, in one unit that helps: "6 days left", "5 hours left"."""
    left = moment - timezone.now()
    if left <= timedelta(0):
        return _("ended")
    if left >= timedelta(days=1):
        return ngettext("{n} day left", "{n} days left", left.days).format(n=left.days)
    hours = left.seconds // 3600
    if hours:
        return ngettext("{n} hour left", "{n} hours left", hours).format(n=hours)
    minutes = left.seconds // 60 + 1
    return ngettext("{n} minute left", "{n} minutes left", minutes).format(n=minutes)


def masked(address: str) -> str:
    """An address as shown to those who need not know it: enough to recognise one's own. A name stays."""
    name, at, domain = address.partition("@")
    return f"{name[:1]}•••{at}{domain}" if at else address
