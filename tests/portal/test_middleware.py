"""What every request passes through."""

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from tests.cast import Cast
from tests.pages import PASSWORD, browser, make_account, make_scene, signed_in


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/add/7QKM-3RXD-9HFA", "/add/7QKM-3RXD-9HFA/", "/add/x", "/nowhere"])
def test_no_answer_is_kept_by_a_cache(path: str) -> None:
    """Not the one that adds the slash either: a code stands in its Location."""
    page = browser().get(path)
    assert "no-store" in page["Cache-Control"], page.status_code


@pytest.mark.django_db
def test_the_way_from_plain_http_is_not_kept_either() -> None:
    with override_settings(SECURE_SSL_REDIRECT=True):
        page = Client().get("/add/7QKM-3RXD-9HFA/")
    assert page.status_code == 301 and "no-store" in page["Cache-Control"]


def test_a_button_pressed_too_late_leads_back_to_its_page(cast: Cast) -> None:
    """The session ended meanwhile; what the button posts to answers no GET."""
    scene = make_scene(cast)
    side = scene.own
    tab = reverse("sharing:permissions", args=[side.location.uuid])
    client = browser()
    post = reverse("sharing:withdraw", args=[side.location.uuid, side.invitation.uuid])
    page = client.post(post, headers={"Referer": f"http://testserver{tab}?page=2"})
    assert page.status_code == 302
    sign_in = client.get(page["Location"])
    assert sign_in.status_code == 200
    data = {"login": scene.cast.installer.email, "password": PASSWORD, "next": f"{tab}?page=2"}
    assert f'value="{tab}?page=2"' in sign_in.content.decode()
    assert client.post(page["Location"], data, follow=True).redirect_chain[-1][0] == f"{tab}?page=2"
    side.invitation.refresh_from_db()
    assert side.invitation.state == "pending"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "referer",
    ["", "https://evil.example/x", "http://testserver//evil.example/", "javascript:alert(1)", "http://["],
)
def test_a_foreign_page_is_not_where_one_goes_on(referer: str) -> None:
    page = browser().post("/locations/", headers={"Referer": referer})
    assert page.status_code == 302
    go_on = page["Location"].partition("next=")[2]
    assert go_on in ("/", "/%252Fevil.example/"), go_on


@pytest.mark.django_db
def test_a_page_asked_for_is_where_one_goes_on() -> None:
    page = browser().get("/locations/?q=x", headers={"Referer": "http://testserver/add/"})
    assert page["Location"].endswith("?next=/locations/%3Fq%3Dx")


def test_who_is_signed_in_is_not_asked(db: None) -> None:
    assert signed_in(make_account()).get("/locations/").status_code == 200
