"""guardian's permission rows of locations; `projection` writes them, `permissions` reads them."""

from typing import ClassVar

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from locations.sorting import SEARCH_TEXT_LENGTH, SORT_KEY_LENGTH

# What the index of a grantee's list holds after the grantee: a page and a search are read from it alone.
_IN_ORDER_OF_THE_LIST = ("permission", "archived", "sort_name", "content_object", "ends_at", "search_text")


class LocationUserPermission(UserObjectPermissionBase):
    """guardian's row for one permission of one person, with the copies that make reading quick.

    `archived` and `sort_name` let a list be read in its order from the index alone, `search_text` lets it be
    searched there (only the rows of View have it); `ends_at` is the latest end of the Access rows behind it
    (empty: never) and is compared by whoever reads.
    """

    content_object = models.ForeignKey(
        "locations.Location", on_delete=models.CASCADE, related_name="user_permissions", db_index=False
    )
    archived = models.BooleanField(default=False, editable=False)
    sort_name = models.CharField(max_length=SORT_KEY_LENGTH, editable=False)
    search_text = models.CharField(max_length=SEARCH_TEXT_LENGTH, editable=False)
    ends_at = models.DateTimeField(null=True, editable=False)

    class Meta(UserObjectPermissionBase.Meta):
        unique_together: ClassVar = []
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["content_object", "user", "permission"], name="user_permission_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["user", *_IN_ORDER_OF_THE_LIST],
                name="user_permission_list",
            )
        ]


class LocationGroupPermission(GroupObjectPermissionBase):
    """The same for the auth group of an organisation."""

    content_object = models.ForeignKey(
        "locations.Location", on_delete=models.CASCADE, related_name="group_permissions", db_index=False
    )
    archived = models.BooleanField(default=False, editable=False)
    sort_name = models.CharField(max_length=SORT_KEY_LENGTH, editable=False)
    search_text = models.CharField(max_length=SEARCH_TEXT_LENGTH, editable=False)
    ends_at = models.DateTimeField(null=True, editable=False)

    class Meta(GroupObjectPermissionBase.Meta):
        unique_together: ClassVar = []
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["content_object", "group", "permission"], name="group_permission_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["group", *_IN_ORDER_OF_THE_LIST],
                name="group_permission_list",
            )
        ]
