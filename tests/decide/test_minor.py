"""The post rule `minor`: which captions and hashtags speak of children, and what being careful costs."""

import dataclasses
import unicodedata

import pytest

from h2a_curation import recipes
from h2a_curation.decide.decision import DecideRules, screen_posts
from h2a_curation.decide.minor import MinorWords
from h2a_curation.decide.rules import fingerprint
from h2a_curation.decide.screen import PostRules
from h2a_curation.taxonomy import hashtags
from h2a_curation.taxonomy.load import load_classes
from tests import factories
from tests.decide.small_lake import CLASSES, open_query

RULES = DecideRules(post=PostRules(minor=True, minor_words=recipes.shipped_minor_words()))


def verdicts(posts, rules=RULES):
    rows = [factories.post(post_id=str(n), **post) for n, post in enumerate(posts)]
    query = open_query({"post": rows, "hit": [factories.hit(post_id=row.post_id) for row in rows]})
    found = screen_posts(query, rules, CLASSES)["verdict"].to_pylist()
    return {v["subject_id"]: v for v in found}


def left_out(texts):
    """Those of the captions, with the hashtags in them, that the rule leaves out."""
    posts = [{"caption": text, "hashtags": hashtags.in_text(text)} for text in texts]
    found = verdicts(posts)
    return [text for n, text in enumerate(texts) if found[str(n)]["reason"] == "minor"]


SPEAK_OF_CHILDREN = {
    "en": [
        "My son's first deadlift",
        "KIDS at the skate park",
        "our little one on the swing",
        "my daughter, 5 years old, on skis",
        "a 12-year-old does a backflip",
        "U14 girls final",
        "her first cartwheel #momsofinstagram",
        "new routine #kidsofinstagram",
        "#teendance",
        "#schoolgirl",
        "#fitkids do yoga",
        "jump rope day #elementary_school",
        "#BoyMom life",
        "#babygirl",
        "high-school wrestling",
        "the Smith children",
        "two toddlers",
    ],
    "es": [
        "clase de natación para niños",
        "mi hija baila",
        "EL BEBÉ ríe",
        "adolescentes en bici",
        "tiene de 7 años #niña",
    ],
    "pt": [
        "aula de balé para crianças",
        "minha filha de 4 anos",
        "o menino joga bola",
        "bebê engatinhando",
        "#criança",
    ],
    "fr": ["les enfants au judo", "mon bébé rit", "une fillette danse", "cours pour ados", "à l'école maternelle"],
    "de": [
        "Kinder beim Turnen",
        "mein Kind lernt Rad fahren",
        "Mädchen im Tor",
        "#kinderturnen",
        "Schülerinnen laufen",
    ],
    "it": ["i bambini nuotano", "mia figlia balla", "corso per ragazzini", "#bimbi"],
    "nl": ["kinderen op het ijs", "een kleuter op de step", "mijn zoon schaatst", "#meisjes"],
    "pl": ["dzieci na łyżwach", "moja córka tańczy", "przedszkolaki ćwiczą", "uczniowie biegają"],
    "ru": ["дети на льду", "мой сын и штанга", "детская гимнастика", "Ребёнок плавает", "школьники бегут", "#малыш"],
    "uk": ["діти танцюють", "моя донечка", "дитячий турнір", "школярі біжать"],
    "tr": ["çocuklar yüzüyor", "kızım dans ediyor", "bebeğim", "liseliler koşuyor"],
    "ar": ["تدريب الأطفال على السباحة", "ابنتي ترقص", "طفلة تلعب", "#أطفال"],
    "fa": ["ژیمناستیک کودکان", "دخترم می‌رقصد", "بچه‌ها بازی می‌کنند", "دانش‌آموزان"],
    "hi": ["बच्चों का योग", "मेरी बेटी नाचती है", "छोटी लड़की", "मेरे bachche"],
    "id": ["anak-anak berenang", "bayi lucu", "remaja menari", "siswi SMP"],
    "vi": ["trẻ em học bơi", "con gái tôi nhảy", "học sinh chạy bộ", "em bé cười"],
    "th": ["เด็กว่ายน้ำ", "ลูกสาวเต้น", "นักเรียนวิ่ง"],
    "zh": ["孩子们学游泳", "我女儿跳舞", "小学生跳绳", "5岁学滑雪", "寶寶爬行"],
    "ja": ["子供の体操教室", "娘とスキー", "小学生の縄跳び", "赤ちゃんのハイハイ", "7歳の挑戦"],
    "ko": ["어린이 수영 교실", "우리 딸 댄스", "초등학생 줄넘기", "8살 피아노"],
}
SPEAK_OF_OTHERS = {
    "en": [
        "deadlift day with my boyfriend",
        "a cowboy on a mechanical bull",
        "cowgirls and a kidney stone joke",
        "so kind of you, what a song",
        "25 years old and stronger than ever",
        "U2 cover on the guitar",
        "song in A minor, minor changes",
        "kid gloves on",
        "baby back ribs on the grill",
        "a pianist at a baby grand",
        "#teenpatti night",
        "skids and a skid steer",
        "#bgirl battle",
        "the boybandish kidder childishly grins",
        "canteen work",
        "a person runs",
    ],
    "es": ["son mis amigos", "hombre de 30 años entrena", "un bebedero"],
    "pt": ["as mulheres correm", "corrida de 10 km"],
    "fr": ["sans plus de façons", "ils sont forts, le son est bon", "un homme de 40 ans"],
    "de": ["sie ist sehr nett", "junge Talente über 30", "das Kinn hoch"],
    "it": ["uomini in palestra", "son tornato"],
    "nl": ["enkel vandaag open"],
    "pl": ["kobiety biegają", "mam 35 lat"],
    "ru": ["детали тренировки", "ребята, всем привет", "мне 30 лет", "посиневшие руки"],
    "uk": ["жінки біжать", "синій колір"],
    "tr": ["kadınlar koşuyor", "beyler salonda"],
    "ar": ["رجال في النادي", "تمرين الصدر"],
    "fa": ["مردان در باشگاه"],
    "hi": ["पुरुष दौड़ते हैं", "आदमी का योग"],
    "id": ["kita lari pagi", "pria dewasa"],
    "vi": ["đàn ông chạy bộ", "con đường dài"],
    "th": ["ผู้ชายวิ่ง", "ลูกบอลกลม"],
    "zh": ["男人举重", "25岁的女人健身", "坚持三个月"],
    "ja": ["男性の筋トレ", "新娘ではない", "27歳の挑戦"],
    "ko": ["남자 운동", "방탄소년단 안무", "28살 운동", "운동하고 돌아가다", "다이어트 3개월"],
}


CAREFUL = [
    "gym girl summer",
    "the boys are back",
    "come on baby, one more rep",
    "baby shark on the ukulele",
    "our kids menu",
]
ACCENTED = ["le bébé rit", "con gái tôi", "छोटी लड़की", "mała dziewczynka i córka", "어린이 수영"]


@pytest.fixture(scope="module")
def gone():
    """What the rule leaves out of all captions of this file; in one query, since each reads the whole pattern anew."""
    texts = [text for table in (SPEAK_OF_CHILDREN, SPEAK_OF_OTHERS) for own in table.values() for text in own]
    texts += [*CAREFUL, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD") for text in ACCENTED)]
    return set(left_out(texts))


@pytest.mark.parametrize("language", SPEAK_OF_CHILDREN)
def test_a_post_that_speaks_of_children_is_left_out(language, gone):
    assert [text for text in SPEAK_OF_CHILDREN[language] if text not in gone] == []


@pytest.mark.parametrize("language", SPEAK_OF_OTHERS)
def test_a_post_that_speaks_of_others_stays(language, gone):
    assert [text for text in SPEAK_OF_OTHERS[language] if text in gone] == []


def test_every_language_of_the_list_is_tried():
    words = RULES.post.minor_words
    assert {*words.words, *words.starts, *words.parts} == SPEAK_OF_CHILDREN.keys() == SPEAK_OF_OTHERS.keys()


def test_being_careful_loses_posts_of_adults_too(gone):
    assert gone >= {*CAREFUL}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_count_however_they_are_written(form, gone):
    assert gone >= {unicodedata.normalize(form, text) for text in ACCENTED}


def test_hashtags_count_where_the_caption_has_none():
    found = verdicts([{"caption": "", "hashtags": ["deadlift", "kidsofinstagram"]}, {"caption": ""}])
    assert [found["0"]["reason"], found["1"]["reason"]] == ["minor", "ok"]
    assert (found["0"]["value"], found["0"]["threshold"]) == (1.0, 0.0)


def test_it_comes_before_all_other_reasons():
    assert verdicts([{"caption": "kids", "duration_s": 900.0}])["0"]["reason"] == "minor"


def test_a_list_of_ones_own_takes_the_place_of_the_reviewed_one():
    rules = DecideRules(post=PostRules(minor=True, minor_words=MinorWords(words={"sv": ("barn", "barnet's")})))
    found = verdicts([{"caption": "barn i parken"}, {"caption": "kids"}, {"caption": "barnet's day"}], rules)
    assert [v["reason"] for v in found.values()] == ["minor", "ok", "minor"]


@pytest.mark.parametrize(
    ("words", "says"), [({}, "no word in it"), ({"words": {"en": ["kid", "-"]}}, "'-' of language en has no letter")]
)
def test_a_list_that_leaves_out_nothing_or_everything_is_refused(words, says):
    with pytest.raises(ValueError, match=says):
        MinorWords(**words)


def test_the_rule_without_words_says_who_gives_them():
    with pytest.raises(ValueError, match=r"recipes\.load"):
        PostRules(minor=True).named()


def test_no_seed_tag_speaks_of_children_but_those_of_babies():
    tags = [(c.id, tag) for c in load_classes() for tag in c.seed_hashtags]
    found = verdicts([{"caption": "", "hashtags": [tag, CLASSES[0].id]} for _, tag in tags])
    hit = {tags[int(n)][0] for n, v in found.items() if v["reason"] == "minor"}
    assert hit == {"baby-carrying", "baby-crawling"}


def test_words_are_told_apart_by_their_fingerprint():
    words = RULES.post.minor_words
    more = dataclasses.replace(words, words={**words.words, "sv": ("barn",)})
    prints = {fingerprint(PostRules(minor=True, minor_words=w)) for w in (words, more)}
    assert len(prints | {fingerprint(PostRules())}) == 3
