"""How people, organisations and moments are drawn in every template."""

from typing import Any

from django import template
from django.utils.html import format_html

from portal.lib import humanize

register = template.Library()
register.filter("time_left", humanize.time_left)
register.filter("until", humanize.until)
register.filter("last_day", humanize.last_day)
register.filter("masked", humanize.masked)


@register.simple_tag
def mark(thing: Any, name: str = "") -> str:
    """The small picture before a row: the initials of a person or thing, in a colour of its own.

    Written here, because a template of its own took four times as long and a page has dozens.
    """
    name = name or str(thing)
    parts = [part for part in name.partition("@")[0].split() if part[0].isalnum()]
    initials = "".join(part[0] for part in parts[:1] + parts[1:][-1:]).upper()
    return format_html(
        '<span class="mark{}" data-tint="{}" aria-hidden="true">{}</span>',
        "" if initials and hasattr(thing, "email") else " mark-square",
        f"{sum(name.encode()) % 14:x}",
        initials or "#",
    )
