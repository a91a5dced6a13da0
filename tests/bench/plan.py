"""What there is in a portal of some size: who installed how many locations, and who sees them besides.

Skewed as real ones are: one organisation with a tenth of everything, five with a hundredth, one whose sites
all begin with the same word, and very many with some fifty.
"""

from dataclasses import dataclass, field

SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
PREFIX = "Zeta Ladepark"
OPERATORS = 20
IN_THIRTY = 5
# fmt: off
_STREETS = [
    "Havnevej", "Kirkegade", "Skolevej", "Møllevej", "Åboulevarden", "Østergade", "Nørregade",
    "Bakkevej", "Strandvejen", "Søndergade", "Jernbanegade", "Lindevej", "Birkevej", "Engvej",
    "Parkvej", "Toftevej", "Vestergade", "Ærøvej", "Industrivej", "Elmegade", "Fjordvej",
]
# fmt: on
_BUILDINGS = ("", "Andelsforeningen", "Parkeringshus", "Værksted", "Lager")
# fmt: off
CITIES = [
    "Aarhus", "Odense", "Aalborg", "Esbjerg", "Randers", "Kolding", "Horsens", "Vejle", "Roskilde",
    "Svendborg",
]
# fmt: on
SITES = [f"{building} {street}".strip() for building in _BUILDINGS for street in _STREETS]


@dataclass
class Plan:
    """Numbers of everything. Organisations and people are numbered from 1, in this order:

    installers, then operators, who are shared with; members, people in thirty organisations, contractors,
    customers.
    """

    size: int
    installed: list[int] = field(default_factory=list)
    prefixed: int = 0
    members: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        hundredth = self.size // 100
        self.installed = [self.size // 10, *[hundredth] * 5, hundredth]
        self.prefixed = len(self.installed)
        if self.size > SIZES["10k"]:
            self.installed.append(1000)
        left, nth = self.size - sum(self.installed), 0
        while left:
            self.installed.append(min(left, 20 + nth * 37 % 61))
            left, nth = left - self.installed[-1], nth + 1
        for organisation in range(1, self.organisations + 1):
            for _ in range(200 if organisation == 1 else 3):
                self.members.append((organisation, len(self.members) + 1))
        self.first_in_thirty = self.members[-1][1] + 1
        for person in range(IN_THIRTY):
            smalls = range(10 + person, 10 + person + 90, 3)
            self.members += [(organisation, self.first_in_thirty + person) for organisation in smalls]

    @property
    def organisations(self) -> int:
        """How many there are, operators included."""
        return len(self.installed) + OPERATORS

    @property
    def first_contractor(self) -> int:
        return self.first_in_thirty + IN_THIRTY

    @property
    def contractors(self) -> int:
        """A quarter of the locations is shared with one of them: twenty for each."""
        return self.size // 80

    @property
    def first_customer(self) -> int:
        return self.first_contractor + self.contractors

    @property
    def customers(self) -> int:
        return self.size // 10

    @property
    def people(self) -> int:
        return self.first_customer + self.customers - 1

    def installers_of(self, count: int) -> list[int]:
        """The organisations that installed exactly so many."""
        return [
            number
            for number, sites in enumerate(self.installed, 1)
            if sites == count and number != self.prefixed
        ]
