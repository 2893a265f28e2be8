import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import T5TokenizerFast

from tora2.errors import PhraseError
from tora2.phrases import find_phrase, tokenize_prompt

CORPUS = [
    "a red fox runs through the snow",
    "a caterpillar meets a cat on a leaf",
    "the black cat and the white cat look at a man in a red coat",
    "two dogs, a woman and her child walk along the shore",
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """A T5 tokenizer from a small SentencePiece file, the form in which CogVideoX ships the real one."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = tmp_path_factory.mktemp("tokenizer")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 4),
        model_prefix=str(folder / "spiece"),
        model_type="unigram",
        vocab_size=90,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return T5TokenizerFast.from_pretrained(str(folder), local_files_only=True)


@pytest.fixture(scope="module")
def real_tokenizer():
    folder = Path(os.environ.get("COMFYUI_PATH", "/nonexistent")) / "comfy" / "text_encoders" / "t5_tokenizer"
    if not folder.is_dir():
        pytest.skip("set COMFYUI_PATH to a ComfyUI checkout to run this: the real T5 tokenizer comes with it")
    return T5TokenizerFast.from_pretrained(str(folder), local_files_only=True)


def words(prompt):
    """Offsets of one token a word, two special tokens at the end."""
    offsets, position = [], 0
    for word in prompt.split():
        position = prompt.index(word, position)
        offsets.append((position, position + len(word)))
        position += len(word)
    return torch.tensor([*offsets, (0, 0), (0, 0)])


def find(prompt, phrase, **options):
    return find_phrase(prompt, phrase, words(prompt), **options)


def test_tokens_of_the_phrase_in_order():
    assert find("a red fox runs", "red fox") == [1, 2]
    assert find("a red fox runs", "a") == [0]
    assert find("a red fox runs", "") == []


@pytest.mark.parametrize(
    ("prompt", "phrase", "tokens"),
    [
        ("The RED Fox runs", "red fox", [1, 2]),
        ("the red \n  fox runs", " red fox ", [1, 2]),
        ("the fox\u2019s den", "fox's den", [1, 2]),
        ("a cafe\u0301 here", "caf\u00e9", [1]),
        ("a caf\u00e9 here", "cafe\u0301", [1]),
        ("die Stra\u00dfe hier", "strasse", [1]),
        ("a fox\u200bes lair", "foxes", [1]),
        ("a fox, a hen", "fox", [1]),
        ("a red-haired man", "red-haired man", [1, 2]),
    ],
)
def test_how_it_is_written_does_not_matter(prompt, phrase, tokens):
    assert find(prompt, phrase) == tokens


@pytest.mark.parametrize("phrase", ["cat", "pillar", "ter"])
def test_parts_of_words_do_not_count(phrase):
    with pytest.raises(PhraseError, match="is not in the prompt"):
        find("a caterpillar crawls", phrase)
    assert find("a caterpillar and a cat", "cat") == [4]


def test_regex_signs_are_plain_text():
    assert find("a cat (black) sits", "cat (black)") == [1, 2]
    with pytest.raises(PhraseError, match="not in the prompt"):
        find("a cat", "c.t")


def test_not_in_the_prompt_names_the_nearest_words():
    with pytest.raises(PhraseError) as error:
        find("a red fox runs", "a rad fox")
    assert '"a red fox"' in str(error.value)
    with pytest.raises(PhraseError, match="which is empty"):
        find_phrase("  ", "fox", torch.zeros(4, 2, dtype=torch.int64))


def test_several_occurrences_need_a_number():
    prompt = "a cat chases a cat past a caterpillar"
    with pytest.raises(PhraseError, match=r'stands 2 times.*"a cat#1".*"a cat#2"'):
        find(prompt, "a cat")
    assert find(prompt, "a cat#1") == [0, 1]
    assert find(prompt, "A cat # 2") == [3, 4]
    for wrong in ("a cat#3", "a cat#0"):
        with pytest.raises(PhraseError, match="2 times"):
            find(prompt, wrong)
    assert find("a dog and a cat", "a cat#1") == [3, 4]


def test_a_number_sign_that_the_prompt_itself_has_belongs_to_the_words():
    assert find("player #1 passes to player #2", "player #2") == [4, 5]


def test_cut_off_by_the_text_length():
    prompt = "a red fox meets a cat"
    offsets = words(prompt)[:4]
    assert find_phrase(prompt, "red fox", offsets, truncated_from=7) == [1, 2]
    for phrase in ("cat", "meets a cat"):  # wholly and partly beyond the cut
        with pytest.raises(PhraseError, match="beyond the first 4 of the prompt's 7 tokens"):
            find_phrase(prompt, phrase, offsets, truncated_from=7)


def test_tokenize_prompt_pads_and_ties_tokens_to_characters(tokenizer):
    prompt = "A red fox,  and a caterpillar"
    ids, offsets, truncated_from = tokenize_prompt(tokenizer, prompt.lower(), 40)
    assert ids.shape == (1, 40) and offsets.shape == (40, 2) and truncated_from is None
    plain = tokenizer(prompt.lower(), padding="max_length", max_length=40, truncation=True, return_tensors="pt")
    assert torch.equal(ids, plain.input_ids)
    end = ids[0].tolist().index(tokenizer.eos_token_id)
    assert (offsets[end:] == 0).all()
    for phrase in ("red fox", "caterpillar", "a caterpillar"):
        tokens = find_phrase(prompt, phrase, offsets)
        assert tokens == list(range(tokens[0], tokens[-1] + 1))
        assert tokenizer.decode(ids[0, tokens]).strip() == phrase


def test_tokenize_prompt_says_how_long_the_prompt_was(tokenizer):
    prompt = "a red fox runs through the snow and a cat looks"
    whole = len(tokenizer(prompt)["input_ids"])
    ids, offsets, truncated_from = tokenize_prompt(tokenizer, prompt, 8)
    assert ids.shape == (1, 8) and truncated_from == whole
    assert ids[0, -1] == tokenizer.eos_token_id
    with pytest.raises(PhraseError, match=f"prompt's {whole} tokens"):
        find_phrase(prompt, "cat", offsets, truncated_from=truncated_from)
    assert tokenize_prompt(tokenizer, prompt, whole)[2] is None
    assert tokenize_prompt(tokenizer, prompt, whole - 1)[2] == whole


def test_an_empty_prompt_has_no_words(tokenizer):
    ids, offsets, truncated_from = tokenize_prompt(tokenizer, "", 5)
    assert ids[0, 0] == tokenizer.eos_token_id and not offsets.any() and truncated_from is None


def test_a_slow_tokenizer_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(PhraseError, match="T5TokenizerFast"):
        tokenize_prompt(Slow(), "a fox", 8)


def test_the_real_t5_tokenizer(real_tokenizer):
    prompt = "A red fox runs;  a  cat\u2019s kitten meets a caterpillar and a na\u00efve fox on the caf\u00e9 terrace."
    ids, offsets, truncated_from = tokenize_prompt(real_tokenizer, prompt, 226)
    assert ids.shape == (1, 226) and truncated_from is None
    expected = {
        "red fox": "red fox",
        "a cat's kitten": "a cat\u2019s kitten",
        "caterpillar": "caterpillar",
        "fox#2": "fox",
        "caf\u00e9 terrace": "caf\u00e9 terrace",
    }
    for phrase, decoded in expected.items():
        assert real_tokenizer.decode(ids[0, find_phrase(prompt, phrase, offsets)]).strip() == decoded
    long_prompt = "very " * 300 + "small fox"
    ids, offsets, truncated_from = tokenize_prompt(real_tokenizer, long_prompt, 226)
    assert truncated_from == len(real_tokenizer(long_prompt, verbose=False)["input_ids"]) > 300
    with pytest.raises(PhraseError, match="beyond the first 226 of"):
        find_phrase(long_prompt, "fox", offsets, truncated_from=truncated_from)


@settings(max_examples=200, deadline=None)
@given(prompt=st.text(max_size=60), phrase=st.text(max_size=12))
def test_any_text_gives_tokens_or_a_phrase_error(prompt, phrase):
    try:
        tokens = find(prompt, phrase)
    except PhraseError as error:
        assert str(error)
    else:
        assert tokens == sorted(set(tokens))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_run_of_words_is_found_where_it_stands(data, tokenizer):
    stock = data.draw(st.lists(st.sampled_from(" ".join(CORPUS).split()), min_size=1, max_size=20))
    prompt = " ".join(stock)
    first = data.draw(st.integers(0, len(stock) - 1))
    last = data.draw(st.integers(first, len(stock) - 1))
    phrase = " ".join(stock[first : last + 1])
    ids, offsets, _ = tokenize_prompt(tokenizer, prompt, 128)
    tokens = find_phrase(prompt, f"{phrase}#1", offsets)
    assert "".join(tokenizer.decode(ids[0, tokens]).split()) == "".join(phrase.split())
