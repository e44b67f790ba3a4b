"""The promise on the first page, with the real model."""

from fakes.shell import Shell


def test_the_bundled_model_knows_the_capital_of_france(shell: Shell) -> None:
    shell.environment["CHATUNE_GENERATION__MAX_TOKENS"] = "16"

    ran = shell.run("chat", "--plain", typed="What is the capital of France?")

    assert ran.code == 0, ran.errors
    assert "Paris" in ran.out
    assert ran.errors == ""
