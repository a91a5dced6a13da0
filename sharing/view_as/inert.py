"""A page with nothing left to press: what is shown to somebody who looks as somebody else.

Made from the finished page, not from its template: whatever button the page has, today or later, stands there
dead. Links lead nowhere but to the other pages that stand still, and forms that send something are none.
"""

from collections.abc import Mapping
from html import escape
from html.parser import HTMLParser

_CONTROLS = {"button", "input", "select", "textarea"}
_KEPT = ("class", "id", "aria-current", "aria-label")


def stand_still(html: str, links: Mapping[str, str]) -> str:
    """The same HTML, dead. Addresses in `links` are replaced by others; a search of the page itself works."""
    page = _Still(links)
    page.feed(html)
    page.close()
    return "".join(page.out)


class _Still(HTMLParser):
    def __init__(self, links: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=False)
        self.links = links
        self.out: list[str] = []
        # What the open <a> and <form> elements have become.
        self.became: dict[str, list[str]] = {"a": [], "form": []}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self._link(given)
        elif tag == "form":
            self._form(given)
        elif tag in _CONTROLS and not self._is_searching():
            self._control(tag, given)
        else:
            self.out.append(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in (*_CONTROLS, "a", "form"):
            self.handle_starttag(tag, attrs)
        else:
            self.out.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        opened = self.became.get(tag)
        self.out.append(f"</{opened.pop() if opened else tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(data)

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(f"&#{name};")

    def _is_searching(self) -> bool:
        return bool(self.became["form"]) and self.became["form"][-1] == "form"

    def _link(self, given: dict[str, str | None]) -> None:
        href = given.get("href") or ""
        kept = {name: given[name] for name in _KEPT if name in given}
        if href.startswith("?") or href in self.links:
            became, kept = "a", {"href": self.links.get(href, href), **kept}
        elif "button" in (given.get("class") or "").split():
            became, kept = "button", {"type": "button", **kept, "disabled": None}
        else:
            became = "strong" if given.get("class") == "row-link" else "span"
            kept["class"] = (kept.get("class") or "").replace("crumb", "sub")
        self.became["a"].append(became)
        self.out.append(_tag(became, kept))

    def _form(self, given: dict[str, str | None]) -> None:
        """A form without address and method asks this page again, and nothing else."""
        alive = not given.keys() & {"action", "method"}
        became = "form" if alive else "div"
        self.became["form"].append(became)
        kept = given if alive else {name: given[name] for name in _KEPT if name in given}
        self.out.append(_tag(became, kept))

    def _control(self, tag: str, given: dict[str, str | None]) -> None:
        if given.get("type") == "hidden":
            return
        sends = ("name", "form", "formaction")
        kept = {k: v for k, v in given.items() if k not in sends and not k.startswith(("data-", "hx-"))}
        if tag == "button":
            kept["type"] = "button"
        self.out.append(_tag(tag, {**kept, "disabled": None}))


def _tag(name: str, attrs: Mapping[str, str | None]) -> str:
    written = (key if value is None else f'{key}="{escape(value)}"' for key, value in attrs.items())
    return f"<{' '.join([name, *written])}>"
