"""The currencies a report can be in, and how many decimals each of them has.

ISO 4217 list one as published on 2026-01-01 (SIX Group, the maintenance agency): every code that has a
minor unit. Left out are the codes that have none: metals, bond market units, SDR, `XTS` and `XXX`.
"""

from collections.abc import Mapping
from types import MappingProxyType

_BY_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
        CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
        GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL
        MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR
        PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
        TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

CURRENCIES: Mapping[str, int] = MappingProxyType(
    {code: decimals for decimals, codes in _BY_DECIMALS.items() for code in codes.split()}
)
"""ISO 4217 code → number of decimals of its minor unit (JPY 0, USD 2, KWD 3, CLF 4)."""


def decimal_string(minor_units: int, currency: str) -> str:
    """Writes an amount as the exact decimal string of its currency.

    Args:
        minor_units: the amount in the currency's smallest unit; may be negative.
        currency: a code in `CURRENCIES`.

    Returns:
        For example `-0.05` for -5 USD cents, `5` for 5 JPY, `0.005` for 5 KWD fils.
    """
    decimals = CURRENCIES[currency]
    sign = "-" if minor_units < 0 else ""
    digits = str(abs(minor_units)).zfill(decimals + 1)
    if not decimals:
        return sign + digits
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
