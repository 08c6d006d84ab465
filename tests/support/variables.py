"""The environment variables of each function, as template.yaml gives them."""

_PINGONE = {
    "PINGONE_API_URL": "https://api.pingone.eu/v1",
    "PINGONE_TOKEN_URL": "https://auth.pingone.eu/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/as/token",
    "PINGONE_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:worker-Ab12Cd",
    "PINGONE_CLIENT_ID": "",
    "PINGONE_SIGNING_KEY_ARN": "",
    "CALLS_PER_MINUTE": "600",
}
WITH_KEY = {
    "PINGONE_SECRET_ARN": "",
    "PINGONE_CLIENT_ID": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "PINGONE_SIGNING_KEY_ARN": "arn:aws:kms:eu-central-1:123456789012:key/mrk-5678",
}
"""What they are with a key in place of the secret."""
_TABLE = {"TABLE": "coordination"}
_BUCKET = {"BUCKET": "reports"}
_KEY_PREFIX = {"KEY_PREFIX": "exports/pingone"}

VARIABLES: dict[str, dict[str, str]] = {
    "start_report": {
        **_PINGONE,
        **_TABLE,
        "PINGONE_ENVIRONMENT_ID": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
        "PSEUDONYMIZES": "false",
        "REPORT_FIELDS": "userId,username",
        "REPORT_FILTER": '(mfaEnabled eq "true")',
        "REPORT_FORMATS": "csv,json",
    },
    "check_report": {**_PINGONE, **_TABLE},
    "fetch_report": {
        **_PINGONE,
        **_TABLE,
        **_BUCKET,
        **_KEY_PREFIX,
        "COMPRESSION": "gzip",
        "LINK_HOSTS": "127.0.0.1:4566, reports.example.com",
        "MAX_REPORT_MEGABYTES": "20000",
        "MAX_RECORD_DROP_PERCENT": "50",
        "PSEUDONYMIZE": "",
        "PSEUDONYM_KEY_ARN": "",
    },
    "discard_report": {**_TABLE, **_BUCKET, **_KEY_PREFIX},
    "tabulate_report": {
        **_TABLE,
        **_BUCKET,
        "EVENT_BUS": "reports-bus",
        "DIGEST_TOPIC": "",
    },
    "show_fleet": {**_BUCKET, "DIGEST_TOPIC": ""},
    "list_environments": {
        **_PINGONE,
        **_TABLE,
        **_BUCKET,
        **_KEY_PREFIX,
        "PSEUDONYMIZES": "false",
    },
    "summarize_fleet": {**_TABLE, **_BUCKET, **_KEY_PREFIX},
}
"""By the name of the function's folder."""
