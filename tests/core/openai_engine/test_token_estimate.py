"""The estimate is never below the truth of a tokenizer that we have."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatune_core.generation.requests import ChatMessage
from chatune_core.generation.token_estimate import most_tokens
from chatune_core.generation.tokenizer import ModelTokenizer

TEXTS = {
    "English": "The quick brown fox jumps over the lazy dog. " * 8,
    "German": "Donaudampfschifffahrtsgesellschaftskapitän, grüß Gott! ",
    "Chinese": "我们今天去北京吃烤鸭。",
    "Japanese": "吾輩は猫である。名前はまだ無い。",
    "Korean": "안녕하세요, 반갑습니다.",
    "Arabic": "السلام عليكم ورحمة الله وبركاته ﷽",
    "Hindi": "नमस्ते दुनिया, आप कैसे हैं? \u0958",
    "Thai": "สวัสดีชาวโลก",
    "Georgian": "გამარჯობა მსოფლიო",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈🇫🇷",
    "code": "def f(x):\n\treturn {k: v for k, v in x.items() if v is not None}\n",
    "noise": "qxzjkvwqqxz 9071236548 %%$#@!~^&*()_+{}|:<>?",
    "music": "\U0001d160\U0001d15f",
    "nothing": "",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("before", [(), (ChatMessage("system", "Be brief."),)], ids=["", "system"])
def test_no_prompt_is_longer_than_the_sum_of_its_estimates(
    tokenizer: ModelTokenizer, text: str, before: tuple[ChatMessage, ...]
) -> None:
    prompt = (*before, ChatMessage("user", text), ChatMessage("assistant", text))

    assert sum(map(most_tokens, prompt)) >= len(tokenizer.encode_chat(prompt))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_at_all_is_longer_than_its_estimate(tokenizer: ModelTokenizer, text: str) -> None:
    prompt = (ChatMessage("user", text),)

    assert most_tokens(prompt[0]) >= len(tokenizer.encode_chat(prompt))


def test_an_operator_who_knows_the_model_can_ask_for_less_caution() -> None:
    english = ChatMessage("assistant", "x" * 300)

    assert most_tokens(english) - most_tokens(english, bytes_per_token=3) == 200
