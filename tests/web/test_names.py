"""Names that would pass for the portal: refused wherever a person or an organisation gets one."""

from importlib import import_module

import pytest
from django import forms
from django.urls import reverse
from django.utils.translation import override

from organisations.models import Organisation
from portal.accounts.forms import SignupForm
from portal.models import User
from tests.cast import Cast
from tests.pages import PASSWORD, browser, signed_in, text_of
from tests.test_architecture import APPS, modules

OURS = "Partner Portal"
SENTENCE = "The portal itself uses this name. Choose another one."
# Locations are no people; and to delete an organisation the name is typed that it has.
OTHER_NAMES = {"LocationForm", "NewLocationForm", "CloseForm"}


def forms_with_a_name() -> list[type[forms.BaseForm]]:
    found = []
    for path in modules(*APPS):
        if path.stem.endswith("forms"):
            module = import_module(".".join(path.with_suffix("").parts))
            mine = [
                each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__
            ]
            found += [form for form in mine if {"name", "first_name"} & set(getattr(form, "base_fields", {}))]
    return found


@pytest.mark.django_db
def test_every_form_with_a_name_refuses_those_of_the_portal() -> None:
    """A new form asks `not_the_portal`, or stands above with its reason."""
    asked = [form for form in forms_with_a_name() if form.__name__ not in OTHER_NAMES]
    assert SignupForm in asked and len(asked) >= 3
    for form in asked:
        assert SENTENCE in form({"name": OURS}).errors["name"], form
        assert SENTENCE not in form({"name": "Strøm & Søn"}).errors.get("name", []), form
    assert OTHER_NAMES <= {form.__name__ for form in forms_with_a_name()}


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["da", "en-gb"])
def test_what_the_portal_is_called_on_its_pages_is_refused(language: str) -> None:
    """The words in use: the brand, and whoever deleted their account."""
    page = browser(headers={"Accept-Language": language}).get(reverse("account_login"))
    brand = (
        page.content.decode().partition('class="brand"')[2].partition("</a>")[0].rpartition(">")[2].strip()
    )
    with override(language):
        gone = str(User(deleted_at="2026-01-01"))
    for name in (brand, gone):
        assert "name" in SignupForm({"name": name}).errors, name
    assert brand == {"da": "Partnerportal", "en-gb": OURS}[language]


def test_it_is_said_beside_the_field_and_nothing_typed_is_lost(cast: Cast) -> None:
    data = {"name": "Pаrtner Portal", "email": "new@test.example", "password1": PASSWORD}
    pages = [
        browser().post(reverse("account_signup"), data),
        signed_in(cast.stranger).post(
            reverse("organisations:new"), data | {"country": "DK", "language": "da"}
        ),
    ]
    for page in pages:
        assert page.context["form"].errors == {"name": [SENTENCE]}
        assert SENTENCE in text_of(page) and 'value="Pаrtner Portal"' in page.content.decode()
    assert not User.objects.filter(email="new@test.example").exists()


def test_an_organisation_that_is_called_so_already_saves_its_other_settings(cast: Cast) -> None:
    """No name is taken from anybody; but it changes to no other of these."""
    Organisation.objects.filter(pk=cast.firm.pk).update(name=OURS)
    url, client = reverse("organisations:settings", args=[cast.firm.uuid]), signed_in(cast.installer)
    data = {"name": OURS, "country": "SE", "language": "da", "review_every": "12"}
    assert client.post(url, data).status_code == 302
    cast.firm.refresh_from_db()
    assert (cast.firm.name, cast.firm.country) == (OURS, "SE")
    page = client.post(url, data | {"name": "Partner-Portal"})
    assert page.status_code == 422 and page.context["form"].errors == {"name": [SENTENCE]}
    cast.firm.refresh_from_db()
    assert cast.firm.name == OURS
