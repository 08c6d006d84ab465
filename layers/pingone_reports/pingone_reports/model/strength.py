"""How strong a factor is, and so a user: the classes, and what is known of device types."""

from enum import StrEnum


class Strength(StrEnum):
    """What a user can sign on with tonight, by the strongest factor that can be used.

    NIST SP 800-63B-4 (3.2.5) asks for phishing resistance, calls SMS and voice restricted (3.1.3.3)
    and takes no e-mail (3.1.3.1). CISA's SCuBA baseline MS.AAD.3.5 turns SMS, voice and e-mail off.
    """

    PHISHING_RESISTANT = "phishing-resistant"
    PHISHABLE = "phishable"
    """A code or a push: better than a text, but it can be phished."""
    WEAK = "weak"
    NONE = "none"
    """No factor can be used."""
    MFA_OFF = "MFA off"
    """Whatever is enrolled: PingOne asks for no second factor."""
    UNKNOWN = "unknown"
    """The report says something that nobody documents: a device type, or a bypass of MFA."""


FACTORS = {
    # PingOne's, from its forms and its API: "MFA devices", developer.pingidentity.com. Before June
    # 2023, an environment had SECURITY_KEY and PLATFORM in place of FIDO2.
    "FIDO2": Strength.PHISHING_RESISTANT,
    "SECURITYKEY": Strength.PHISHING_RESISTANT,
    "PLATFORM": Strength.PHISHING_RESISTANT,
    "MOBILE": Strength.PHISHABLE,
    "TOTP": Strength.PHISHABLE,
    "OATH": Strength.PHISHABLE,
    "OATHTOKEN": Strength.PHISHABLE,
    "PINGIDDESKTOPGEN2": Strength.PHISHABLE,
    "SMS": Strength.WEAK,
    "VOICE": Strength.WEAK,
    "WHATSAPP": Strength.WEAK,
    "EMAIL": Strength.WEAK,
    # PingID's: "PingID User Detailed Status Report fields", docs.pingidentity.com. Its security
    # keys are above; a YubiKey there is one that types one-time passwords.
    "FIDO2BIOMETRICS": Strength.PHISHING_RESISTANT,
    "ANDROID": Strength.PHISHABLE,
    "IPHONE": Strength.PHISHABLE,
    "YUBIKEY": Strength.PHISHABLE,
    "DESKTOP": Strength.PHISHABLE,
    "HARDWARETOKEN": Strength.PHISHABLE,
    "AUTHENTICATORAPP": Strength.PHISHABLE,
}
"""The strength of a device type, by its letters and digits in upper case. Another is unknown."""

SAME_FACTOR = ("FIDO2", "SECURITYKEY", "PLATFORM", "FIDO2BIOMETRICS")
"""One kind of factor, which PingOne and PingID have called by several names."""

DORMANT_DAYS = 90
"""Days without use after which a factor is called dormant."""
