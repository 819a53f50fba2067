"""Chinese, Japanese and Korean: every character is a word, so phrases, beginnings and distances go by characters."""

from __future__ import annotations

import pytest

from rules.entities import Gazetteer, View
from rules.language.parse import InvalidQuery, parse
from rules.language.query import evaluate
from rules.model import Alias, Document, Entity

ENTITIES = (
    Entity(id="jfsa", name="金融庁"),
    Entity(
        id="binance", name="Binance", aliases=(Alias(text="バイナンス"), Alias(text="币安"), Alias(text="바이낸스"))
    ),
)


def holds(query: str, title: str = "", body: str = "") -> bool:
    return evaluate(parse(query), View(Document(source="s", title=title, body=body), Gazetteer(ENTITIES))).holds


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        # ja
        ('"証券取引"', "米証券取引委員会がバイナンスを提訴", True),
        ("証券取引", "米証券取引委員会がバイナンスを提訴", True),
        ('"証券委員"', "米証券取引委員会", False),
        ("バイナ*", "米証券取引委員会がバイナンスを提訴", True),
        ("ﾊﾞｲﾅﾝｽ", "バイナンスを提訴", True),
        ("バイナンス", "ハイナンス", False),
        ("提*", "提訴した", True),
        ("証券 NEAR/9 提訴", "証券会社を提訴", True),
        ("証券 NEAR/3 提訴", "証券会社を提訴", False),
        ("証券 NEAR/4 提訴", "証券会社を提訴", True),
        ('"証券提訴"~6', "提訴された証券", True),
        ('"証券提訴"~6', "提訴されました証券", False),
        ("entity:jfsa", "金融庁は8日、発表した", True),
        ("entity:binance NEAR/6 金融庁", "金融庁がバイナンスに警告", True),
        ("SEC AND 提訴", "米SECがBinanceを提訴", True),
        # zh
        ('"起诉币安"', "美国证券交易委员会起诉币安", True),
        ("币安 NEAR/2 起诉", "起诉币安", True),
        ("币安 NEAR/2 起诉", "币安周三被起诉", False),
        ("entity:binance", "美国证交会起诉币安及其创始人", True),
        ("證*", "香港證監會", True),
        ("证*", "香港證監會", False),
        ("/起诉(币安|赵长鹏)/", "美国证券交易委员会起诉币安", True),
        # ko
        ('"금융위원회"', "한국 금융위원회는 오늘", True),
        ("바이낸*", "바이낸스는 제소했다", True),
        ("바이낸스", "바이낸스는", True),
        ("entity:binance NEAR/4 제소", "바이낸스를 제소", True),
        ("금융 NEAR/1 위원회", "금융 위원회", True),
        ("금융 NEAR/1 위원회", "금융 정책 위원회", False),
        ("바이낸스", "\u1107\u1161\u110b\u1175\u1102\u1162\u11ab\u1109\u1173", True),
    ],
)
def test_words_beginnings_and_distances_go_by_characters(query: str, text: str, expected: bool) -> None:
    assert holds(query, text) is expected
    assert holds(query, "", text) is expected


def test_evidence_is_the_characters_themselves() -> None:
    text = "米証券取引委員会がバイナンスを提訴"
    verdict = evaluate(parse("委員会 NEAR/9 提訴"), View(Document(source="s", title=text), Gazetteer()))
    (evidence,) = verdict.evidence
    assert text[evidence.start : evidence.end] == "委員会がバイナンスを提訴"


def test_one_character_is_enough_for_a_beginning_but_none_is_spelt_nearly() -> None:
    parse("提*")
    with pytest.raises(InvalidQuery, match="one word of letters only"):
        parse("バイナンス~1")
