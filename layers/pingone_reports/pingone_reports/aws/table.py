"""The stack's DynamoDB table: items that are written conditionally, and that expire."""

import re
from collections.abc import Mapping
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.errors import TableUnavailable

KEY = "id"
EXPIRY = "expiration"  # epoch seconds: the table's TTL attribute

Value = str | int
Item = dict[str, Value]


class ConditionFailed(Exception):
    """Raised when an item does not meet a write's condition; `item` is the present item."""

    def __init__(self, item: Item) -> None:
        super().__init__()
        self.item = item


class Table:
    """One table, with `id` as its key."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    def update(
        self, key: str, expression: str, condition: str | None, values: Mapping[str, Value]
    ) -> Item:
        """Write an item atomically, with or without a condition; returns the whole new item.

        An attribute whose name is a word of DynamoDB's is written as `#name`. Raises
        ConditionFailed, TableUnavailable.
        """
        names = {f"#{name}": name for name in re.findall(r"#(\w+)", f"{expression} {condition}")}
        request = {
            "TableName": self.name,
            "Key": {KEY: {"S": key}},
            "UpdateExpression": expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                f":{name}": {"N": str(value)} if isinstance(value, int) else {"S": value}
                for name, value in values.items()
            },
            "ConditionExpression": condition,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": condition and "ALL_OLD",
        }
        try:
            answer = self.client.update_item(**{name: v for name, v in request.items() if v})
        except ClientError as error:
            code = code_of(error)
            if code == "ConditionalCheckFailedException":
                # botocore's type of an error lacks the fields that an operation adds.
                answer = cast("dict[str, Any]", error.response)
                raise ConditionFailed(_item(answer.get("Item", {}))) from None
            raise TableUnavailable(
                f"DynamoDB did not write an item ({code}): if this lasts, check the stack's table."
            ) from None
        except BotoCoreError as error:
            raise TableUnavailable(
                f"DynamoDB cannot be reached ({type(error).__name__}): try again later."
            ) from None
        return _item(answer["Attributes"])

    def get(self, key: str) -> Item | None:
        """The present item, if there is one (a consistent read). Raises TableUnavailable."""
        try:
            answer = self.client.get_item(
                TableName=self.name, Key={KEY: {"S": key}}, ConsistentRead=True
            )
        except AWS_ERRORS as error:
            raise TableUnavailable(
                f"DynamoDB did not return an item ({code_of(error)}): if this lasts, check the "
                "stack's table."
            ) from None
        return _item(answer["Item"]) if "Item" in answer else None


def _item(attributes: Mapping[str, Mapping[str, str]]) -> Item:
    return {
        name: int(value["N"]) if "N" in value else value["S"] for name, value in attributes.items()
    }
