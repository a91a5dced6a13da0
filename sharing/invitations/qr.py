"""QR pictures, as SVG that stands in the page."""

import io

import segno
from django.utils.safestring import SafeString, mark_safe


def svg(text: str) -> SafeString:
    """A QR picture of `text`, dark on white with its quiet zone, whatever the colours of the page."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", border=4, dark="#000", light="#fff", xmldecl=False, svgns=False, omitsize=True
    )
    return mark_safe(out.getvalue().decode())  # noqa: S308 (made by segno from our own link)
