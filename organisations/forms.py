"""The forms of organisations."""

import re
from typing import Any, ClassVar
from uuid import uuid4

import idna
from django import forms
from django.utils.translation import gettext_lazy as _

from organisations.models import Membership, Organisation
from portal import codes
from portal.lib.addresses import domain_of
from portal.lib.countries import COUNTRIES
from portal.lib.forms import AddressField
from portal.lib.validators import not_the_portal, plain_line
from portal.models import User

# A page of answers that somebody can still read; an account may send 60 in an hour (portal.limits).
MOST_AT_ONCE = 50


class OrganisationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Its settings."""

    use_required_attribute = False
    country = forms.ChoiceField(label=_("Country"), choices=COUNTRIES, initial="DK")

    class Meta:
        model = Organisation
        fields: ClassVar = [
            "name",
            "country",
            "language",
            "accepts_shares",
            "join_domains",
            "requires_two_step",
            "review_every",
        ]
        error_messages: ClassVar = {"name": {"required": _("Enter the name of the organisation.")}}
        help_texts: ClassVar = {
            "accepts_shares": _("Switched off, nobody can share a location with it by its key."),
            "join_domains": _(
                "Only people with a confirmed address there can ask to join with the Organisation Key. "
                "One per line, such as firm.dk; subdomains count as others. Empty: everybody with the key."
            ),
            "review_every": _(
                "Its Administrators are asked whether those it has shared locations with still need them."
            ),
            "requires_two_step": _(
                "Takes effect once two-step sign-in is available in the portal. Until then nothing changes."
            ),
        }
        widgets: ClassVar = {"join_domains": forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].validators.append(plain_line)

    def clean_name(self) -> str:
        """One that it has already may stay."""
        name = str(self.cleaned_data["name"])
        if name != self.instance.name:
            not_the_portal(name)
        return name

    def clean_join_domains(self) -> str:
        """A list of domains, each once, in the form people read."""
        listed: dict[str, None] = {}
        for written in self.cleaned_data["join_domains"].replace(",", " ").replace(";", " ").split():
            domain = domain_of(written)
            if domain is None:
                raise forms.ValidationError(
                    _("“%(domain)s” is not an e-mail domain. Write what stands after the @, like firm.dk."),
                    params={"domain": written},
                )
            listed[domain] = None
        return ", ".join(idna.decode(domain) for domain in listed)


class NewOrganisationForm(OrganisationForm):
    """What is asked when an organisation is created; the rest has its usual values."""

    class Meta(OrganisationForm.Meta):
        fields: ClassVar = ["name", "country", "language"]

    # What the organisation will be called in addresses: sent twice, the form makes one organisation.
    uuid = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)


class JoinForm(forms.Form):
    """Asking to join with an Organisation Key."""

    use_required_attribute = False

    key = forms.CharField(
        label=_("Organisation Key"),
        required=False,
        max_length=60,
        help_text=_("An Administrator of the organisation finds it under Organisation."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    sentence = forms.CharField(
        label=_("A sentence about yourself"),
        required=False,
        max_length=300,
        help_text=_("So that the Administrators know who is asking."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def clean_key(self) -> str:
        """The other code people have may be typed here: say where it belongs."""
        key = str(self.cleaned_data["key"])
        try:
            codes.normalise(key, length=codes.INVITATION_CODE_LENGTH)
        except codes.Mistyped:
            return key
        raise forms.ValidationError(_("This is an invitation code. Enter it under Add a location."))


class AppointForm(forms.Form):
    """For support staff: whom to make Administrator, and why.

    One of the members; only where none could be, somebody else by the address. `cleaned_data["user"]` is who.
    """

    use_required_attribute = False

    member = forms.ModelChoiceField(
        label=_("Member"),
        queryset=Membership.objects.none(),
        error_messages={"required": _("Choose whom to appoint.")},
    )
    email = AddressField(
        label=_("E-mail address"),
        help_text=_(
            "No member can sign in, so anybody can be appointed who has an account with this address."
        ),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("The members read it."),
        error_messages={"required": _("Say why.")},
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = organisation.memberships.appointable().by_name()
        del self.fields["email" if members.exists() else "member"]
        if "member" in self.fields:
            self.fields["member"].queryset = members
            self.fields["member"].label_from_instance = lambda each: f"{each.user} ({each.user.email})"

    def clean_email(self) -> str:
        """Say at once where nobody has this address."""
        self.cleaned_data["user"] = User.objects.with_verified_address(self.cleaned_data["email"])
        if self.cleaned_data["user"] is None:
            raise forms.ValidationError(_("No account has confirmed this address."))
        return str(self.cleaned_data["email"])

    def clean(self) -> dict[str, Any]:
        if member := self.cleaned_data.get("member"):
            self.cleaned_data["user"] = member.user
        return self.cleaned_data


class InviteMembersForm(forms.Form):
    """ "Invite people": several addresses at once, and the role they are invited to."""

    use_required_attribute = False

    addresses = forms.CharField(
        label=_("E-mail addresses"),
        max_length=20_000,
        help_text=_(
            "One per line, or with commas between them. Each person gets an e-mail with a code and a link. "
            "No account yet? They can make one on the way in."
        ),
        error_messages={"required": _("Enter the e-mail address of at least one person.")},
        widget=forms.Textarea(attrs={"rows": 5, "autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.TypedChoiceField(
        label=_("Role"),
        coerce=Membership.Role,
        choices=Membership.Role.choices,
        initial=Membership.Role.MEMBER,
        help_text=_(
            "Members see all locations of the organisation. Administrators also decide who belongs to it."
        ),
    )

    def clean_addresses(self) -> list[str]:
        """One by one, as typed; whether each is an address is answered one by one."""
        typed = [part.strip() for part in re.split(r"[\n,;]", self.cleaned_data["addresses"])]
        addresses = [part for part in typed if part]
        if not addresses:
            raise forms.ValidationError(_("Enter the e-mail address of at least one person."))
        if len(addresses) > MOST_AT_ONCE:
            raise forms.ValidationError(_("These are too many at once: at most {n}.").format(n=MOST_AT_ONCE))
        return addresses
