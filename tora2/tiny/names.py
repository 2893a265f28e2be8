"""What an emoji is called, whether it can be named at all, and which names are held out.

Names come from the ``emoji.json`` of the emoji-datasource packages (Unicode's own names, which are often historical:
"heavy black heart" is red). They are cleaned to what a person would call the picture.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

HELD_OUT_STYLE = "twitter"
HELD_OUT_PERCENT = 10
MAX_WORDS = 4  # longer names are descriptions, and four of them would not fit into a caption

FACE_GROUPS = (
    "face-smiling face-affection face-tongue face-hand face-neutral-skeptical face-sleepy face-unwell face-hat "
    "face-glasses face-concerned"
).split()
PERSON_GROUPS = "person person-role person-gesture".split()
OTHER_GROUPS = (
    "face-costume face-negative cat-face monkey-face heart person-fantasy person-sport person-activity body-parts "
    "animal-mammal animal-bird animal-amphibian animal-reptile animal-marine animal-bug plant-flower plant-other "
    "food-fruit food-vegetable food-prepared food-asian food-sweet food-marine drink dishware "
    "place-map place-geographic place-building place-other transport-ground transport-water transport-air hotel time "
    "event award-medal sport game clothing sound music musical-instrument phone computer "
    "book-paper money mail writing office lock tool science medical household other-object place-religious"
)
_SPACED_GROUPS = ("sky & weather", "arts & crafts", "light & video")
_GROUPS = (
    frozenset(OTHER_GROUPS.split()) | frozenset(_SPACED_GROUPS) | frozenset(FACE_GROUPS) | frozenset(PERSON_GROUPS)
)

_HUMAN_FACES_ELSEWHERE = {  # pictures of a face outside the face groups, and people of person-fantasy shown as a bust
    "angry face",
    "pouting face",
    "face with look of triumph",
    "serious face with symbols covering mouth",
    "clown face",
    "santa",
    "mrs claus",
    "mx claus",
    "vampire",
    "woman vampire",
    "man vampire",
    "elf",
    "woman elf",
    "man elf",
    "baby angel",
    "woman mage",
    "man mage",
    "mage",
}
_NOT_HUMAN = {  # of the face and person groups, but without a face that can be read
    "face in clouds",
    "melting face",
    "dotted line face",
    "head shaking horizontally",
    "head shaking vertically",
    "upside down face",
    "shocked face with exploding head",
    "person bowing deeply",
    "woman bowing",
    "man bowing",
    "shaking face",
    "disguised face",
    "rolling on the floor laughing",
    "ninja",
    "ghost",
    "face palm",
    "pregnant man",
    "pregnant woman",
    "pregnant person",
    "breast feeding",
    "woman feeding baby",
    "man feeding baby",
    "person feeding baby",
    "breast-feeding",
    "face with medical mask",
    "deaf person",
    "deaf man",
    "deaf woman",
    "factory worker",
    "man factory worker",
    "woman factory worker",
    "sneezing face",
    "woman facepalming",
    "man facepalming",
}
_SKIP = re.compile(
    r"facing right|clock face|silhouette|sign$|stroke|sound wave|arrow above|tonal|banknote|keycap|playing card"
    r"|spade suit|club suit|heart suit|diamond suit|motorway|smoking symbol|japan$|chart with|speech|with arrow|input"
    r"|lowered flag|no bicycles|page facing|bookmark tabs|tray|placard|mahjong|moon viewing|^fog$|^foggy$"
    r"|night with stars|sunrise|cityscape|sunset over|bridge at night|milky way|^water wave$|^mirror$|^window$|^door$"
    r"|^label$|level slider|control knobs|identification|heart exclamation|middle finger|elevator|petri|low battery"
    r"|waxing|waning|quarter moon|women with bunny|men with bunny|globe with meridians|wind face"
    r"|leaf fluttering|dash symbol"
)
_RENAMED = {
    "heavy black heart": "red heart",
    "black sun with rays": "sun",
    "white medium star": "star",
    "black scissors": "scissors",
    "black telephone": "telephone",
    "black nib": "pen nib",
    "extraterrestrial alien": "alien",
    "automobile": "red car",
    "recreational vehicle": "blue car",
    "house building": "house",
    "aubergine": "eggplant",
    "ear of maize": "corn cob",
    "sauropod": "long-necked dinosaur",
    "t-rex": "tyrannosaurus",
    "honeybee": "bee",
    "lady beetle": "ladybug",
    "father christmas": "santa",
    "mother christmas": "mrs claus",
    "hocho": "kitchen knife",
    "electric torch": "flashlight",
    "left-pointing magnifying glass": "magnifying glass",
    "shortcake": "strawberry cake",
    "high voltage sign": "lightning bolt",
    "police cars revolving light": "siren",
    "athletic shoe": "sneaker",
    "articulated lorry": "truck",
    "delivery truck": "delivery van",
    "spouting whale": "spouting whale",
    "black bird": "blackbird",
    "front-facing baby chick": "chick",
    "cooking": "fried egg",
    "steaming bowl": "bowl of ramen",
    "moyai": "stone head",
    "wrapped present": "gift box",
    "pile of poo": "pile of poo",
    "droplet": "water drop",
    "curry and rice": "plate of curry",
    "cooked rice": "bowl of rice",
    "teacup without handle": "green tea",
    "american football": "american football",
    "performing arts": "theater masks",
    "direct hit": "dart board",
    "balance scale": "pair of scales",
    "brick": "brick stack",
    "teddy bear": "teddy bear",
    "adult": "person",
    "standing person": "person standing",
    "headphone": "pair of headphones",
    "artist palette": "paint palette",
    "shopping trolley": "shopping cart",
    "mx claus": "mx claus",
    "microbe": "green microbe",
    "right-pointing magnifying glass": "tilted magnifying glass",
    "extraterrestrial": "alien",
    "imp": "purple imp",
}
_PLURAL = {
    "grapes",
    "cherries",
    "blueberries",
    "beans",
    "peanuts",
    "pancakes",
    "chopsticks",
    "maracas",
    "eyeglasses",
    "sunglasses",
    "goggles",
    "jeans",
    "shorts",
    "briefs",
    "socks",
    "gloves",
    "scissors",
    "chains",
    "books",
    "houses",
    "bubbles",
    "fireworks",
    "sparkles",
    "eyes",
    "ballet shoes",
    "womans clothes",
    "womans boots",
    "japanese dolls",
    "nesting dolls",
    "theater masks",
    "linked paperclips",
    "clinking glasses",
    "clinking beer mugs",
    "crossed swords",
    "prayer beads",
    "shopping bags",
    "card index dividers",
    "hot springs",
    "flower playing cards",
    "revolving hearts",
    "two hearts",
    "paw prints",
    "film frames",
    "french fries",
    "wrestlers",
    "women wrestling",
    "men wrestling",
    "lungs",
    "admission tickets",
}
_MASS = {
    "bacon",
    "broccoli",
    "popcorn",
    "spaghetti",
    "sushi",
    "butter",
    "garlic",
    "honey",
    "wood",
    "fire",
    "coral",
    "ginger root",
    "bread",
    "oden",
    "dango",
    "shaved ice",
    "soft ice cream",
    "ice cream",
    "custard",
    "baguette bread",
    "money",
}


@dataclass(frozen=True)
class EmojiName:
    """``name`` without article, ``phrase`` with it, ``group`` Unicode's subcategory, ``is_human`` if a face can be
    read."""

    name: str
    phrase: str
    group: str
    is_human: bool


def describe(entry: dict) -> EmojiName | None:
    """One entry of ``emoji.json`` -> its name, or None for what nobody could ask for by name (flags, symbols, ...)."""
    group = entry.get("subcategory") or ""
    if group not in _GROUPS or entry.get("category") in ("Flags", "Symbols"):
        return None
    raw = (entry.get("name") or entry["short_name"]).lower()
    if _SKIP.search(raw):
        return None
    name = clean(raw, group)
    if len(name.split()) > MAX_WORDS:
        return None
    human = (
        group in FACE_GROUPS or group in PERSON_GROUPS or name in _HUMAN_FACES_ELSEWHERE
    ) and name not in _NOT_HUMAN
    return EmojiName(name, with_article(name), group, human)


def clean(raw: str, group: str = "") -> str:
    """Unicode's lower-case name -> plain words in ASCII letters, digits, blanks and hyphens."""
    name = _RENAMED.get(raw, raw)
    hair = re.fullmatch(r"(man|woman|person): (.+)", name)
    if hair:
        name = (
            f"bald {hair[1]}" if hair[2] == "bald" else f"{hair[1]} with {'a beard' if hair[2] == 'beard' else hair[2]}"
        )
    if group.startswith("animal") and name.endswith(" face") and name[:-5] in _ONLY_FACE:
        name = name[:-5]
    name = name.replace("’", "").replace("&", "and").replace("ñ", "n").replace("upside-down", "upside down")
    name = re.sub(r" (symbol|sign)$", "", name)
    return re.sub(r"\s+", " ", re.sub(r"[^a-z0-9 \-]", " ", name)).strip()


_ONLY_FACE = {
    "hamster",
    "wolf",
    "bear",
    "panda",
    "lion",
    "unicorn",
    "fox",
    "frog",
    "moose",
    "raccoon",
    "giraffe",
    "zebra",
}


def with_article(name: str) -> str:
    """``apple`` -> ``an apple``, ``grapes`` -> ``some grapes``."""
    if name in _PLURAL or name in _MASS:
        return f"some {name}"
    return f"{'an' if name[0] in 'aeiou' and not name.startswith(('uni', 'eu', 'one')) else 'a'} {name}"


def family(name: str) -> str:
    """Names that show nearly the same thing share a family, and a family is held out as a whole."""
    name = re.sub(r"^(man|woman|person|women|men) ", "", name)
    name = re.sub(r" (face|with smiling eyes|with a beard|with .* hair)$", "", name)
    return re.sub(
        r"^(grinning|smiling|closed|open|oncoming|red|green|blue|orange|yellow|purple|black|white|old|small) ", "", name
    )


def is_held_out(name: str) -> bool:
    """Stable over runs, machines and package versions: decided by a hash of the name's family alone."""
    return int(hashlib.sha256(family(name).encode()).hexdigest(), 16) % 100 < HELD_OUT_PERCENT
