"""What the transactions of a small firm look like: kinds, texts, amounts and how common each of them is.

Amounts are in minor units and the same for every currency: 1,200.00 USD, 120,000 JPY and 120.000 KWD
are all of the size one expects on such an invoice, and no exchange rate has to be made up.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

SHARES = 1024
"""How many shares the categories divide among themselves: a power of two, so that hash bits pick one."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")  # noqa: RUF001 the full-width ones run too


class Category(NamedTuple):
    """One category of transactions.

    Attributes:
        kind: the column Type.
        name: the column Category.
        shares: how common it is, in shares of `SHARES`.
        low: the smallest amount, in minor units.
        high: the largest amount, in minor units.
        descriptions: the texts of the column Description, equally common.
    """

    kind: Literal["Revenue", "Expense"]
    name: str
    shares: int
    low: int
    high: int
    descriptions: tuple[str, ...]


class Line(NamedTuple):
    """One share: everything about a transaction but its number, its date and the exact amount.

    Attributes:
        revenue: whether it is income.
        text: the cells Type, Category and Description, each followed by a comma.
        low: the smallest amount, in minor units.
        high: the largest amount; it has as many digits as `low`.
    """

    revenue: bool
    text: bytes
    low: int
    high: int


# Revenue has 614 of 1024 shares: 60 %. Category and description have 19 to 38 bytes together, as cells, and
# an amount has 4 to 7 digits in minor units: the layout in `report_rows` has room for that, and checks it.
CATALOGUE = (
    Category("Revenue", "Product Sales", 220, 20_00, 2_500_00,
             ("Online store order", "Retail counter sale", "Wholesale order", "Reseller order",
              "Spare parts delivery", "Trade fair order")),
    Category("Revenue", "Subscriptions", 140, 15_00, 950_00,
             ("Monthly plan renewal", "Annual plan renewal", "New team plan", "Additional user seats",
              "Plan upgrade")),
    Category("Revenue", "Consulting", 130, 400_00, 12_000_00,
             ("Project milestone", "Workshop day", "Strategy review", "On-site assessment",
              "Implementation support")),
    Category("Revenue", "Licensing", 50, 200_00, 20_000_00,
             ("Software licence fee", "Volume licence agreement", "Licence extension, 3 years",
              "Brand licence royalty")),
    Category("Revenue", "Support Contracts", 44, 250_00, 6_000_00,
             ("Help desk retainer", "Extended warranty", "Premium, 12 months", "Maintenance visit")),
    Category("Revenue", "Training", 30, 150_00, 3_500_00,
             ("Public course registration", "In-house seminar", "Certification exam fee",
              "Online course bundle")),
    Category("Expense", "Payroll", 80, 1_900_00, 8_500_00,
             ("Monthly salary", "Part-time wages", "Overtime payment", "Holiday allowance",
              "Freelance contractor")),
    Category("Expense", "Travel", 60, 18_00, 2_400_00,
             ("Train ticket, return", "Flight to customer", "Hotel, two nights", "Taxi to the airport",
              "Rental car, weekend")),
    Category("Expense", "Software", 55, 12_00, 1_800_00,
             ("Cloud hosting", "Accounting software", "Design tool licences", "Source code hosting",
              "Video meeting service")),
    Category("Expense", "Marketing", 50, 50_00, 6_500_00,
             ("Search advertising", "Trade fair stand", "Printed brochures", "Newsletter service",
              "Social media campaign")),
    Category("Expense", "Office Supplies", 45, 10_00, 450_00,
             ("Paper and toner", "Desk accessories", "Kitchen supplies", "Postage and parcels")),
    Category("Expense", "Utilities", 35, 40_00, 950_00,
             ("Electricity", "Water and sewage", "Heating gas", "Internet and telephone",
              "Waste collection")),
    Category("Expense", "Rent", 25, 900_00, 7_500_00,
             ("Office rent, main building", "Warehouse space rent", "Parking spaces for staff")),
    Category("Expense", "Insurance", 20, 100_00, 2_200_00,
             ("Liability insurance", "Property insurance", "Cyber insurance", "Vehicle insurance")),
    Category("Expense", "Professional Fees", 20, 150_00, 5_000_00,
             ("Tax adviser", "Legal advice", "Annual audit", "Notary")),
    Category("Expense", "Bank Charges", 20, 10_00, 120_00,
             ("Card terminal fee", "Account maintenance", "Foreign transfer fee")),
)  # fmt: skip


def csv_cell(text: str) -> bytes:
    """Encodes one text cell: safe to open in a spreadsheet, quoted as RFC 4180 says.

    A text that a spreadsheet would run as a formula (its first character after leading spaces decides)
    gets a leading apostrophe, which shows it as text.
    """
    if text.lstrip(" ").startswith(_FORMULA_STARTS):
        text = "'" + text
    if any(character in text for character in ',"\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text.encode()


def lines(catalogue: tuple[Category, ...] = CATALOGUE) -> tuple[Line, ...]:
    """Deals the catalogue out into `SHARES` lines, a category's shares evenly over its texts and amounts.

    Raises:
        ValueError: the shares do not add up.
    """
    dealt = tuple(line for category in catalogue for line in _deal(category))
    if len(dealt) != SHARES:
        raise ValueError(f"the catalogue has {len(dealt)} shares, not {SHARES}")
    return dealt


def _deal(category: Category) -> Iterator[Line]:
    cells = [(category.kind, category.name, description, "") for description in category.descriptions]
    texts = [b",".join(map(csv_cell, row)) for row in cells]
    bands = list(_bands(category.low, category.high))
    for share in range(category.shares):
        low, high = bands[share // len(texts) % len(bands)]
        yield Line(category.kind == "Revenue", texts[share % len(texts)], low, high)


def _bands(low: int, high: int) -> Iterator[tuple[int, int]]:
    """Splits amounts where they get a digit more: bands equally common make small amounts commoner."""
    for digits in range(len(str(low)), len(str(high)) + 1):
        yield max(low, 10 ** (digits - 1)), min(high, 10**digits - 1)
