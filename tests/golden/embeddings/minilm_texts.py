"""The 200 texts that minilm.py embeds: written for this purpose, all below 254 pieces."""

import random

SENTENCES = """
The committee approved the budget after a debate that lasted until two in the morning.
A cat sat on the warm windowsill and watched the rain.
Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.
How do I reset my password if I no longer have access to my e-mail?
The treaty was signed in 1648 and ended thirty years of war.
Interest rates were raised by 25 basis points, to 4.75 %.
She plays the cello in a quartet and teaches mathematics at a school nearby.
What is the capital of Australia?
Boil the potatoes for twenty minutes, drain them, and let them cool.
Our servers will be down for maintenance on Sunday between 01:00 and 03:00 UTC.
The patient complained of chest pain radiating to the left arm.
This licence gives you permission to copy, distribute and modify the work.
Nobody expected the old bridge to survive the flood, but it did.
The quick brown fox jumps over the lazy dog.
Gravity bends light; that is how a galaxy can act as a lens.
He didn't say it wasn't true, he said he couldn't prove it.
Sales fell 12% year-on-year, while costs rose by $3.4 million.
The museum is closed on Mondays, except on public holidays.
To be, or not to be: that is the question.
An array index out of bounds is undefined behaviour in C and C++.
The recipe needs 200 g of flour, 3 eggs and a pinch of salt.
I have never seen such a beautiful sunset in my life!
Climate models agree that the Arctic warms faster than the rest of the planet.
The goalkeeper saved two penalties and was carried off the field by his team-mates.
Please find attached the minutes of yesterday's meeting.
Quantum entanglement does not allow information to travel faster than light.
The company's headquarters moved from Rotterdam to Singapore in 2009.
It's raining cats and dogs.
Ownership in Rust is checked at compile time by the borrow checker.
The defendant pleaded not guilty to all seven charges.
A recession is commonly defined as two consecutive quarters of negative growth.
Mount Everest is 8,848.86 metres high.
Turn left at the church, then take the second street on your right.
The violin concerto in D major, Op. 61, was first performed in Vienna.
My grandmother's garden smelled of lavender and tomatoes.
The vaccine was 94.1% effective in a trial with 30,420 volunteers.
Could you recommend a book about the history of cryptography?
Volcanic ash closed the airspace over northern Europe for six days.
Dogs can hear sounds of up to 45,000 Hz.
The last train leaves at a quarter past eleven.
Neural networks with attention read a whole sentence at once.
Speculative decoding drafts several tokens and verifies them in one pass.
Shares of the airline plunged after it issued a profit warning.
The orchestra tuned to A while the hall fell silent.
The novel tells the story of three sisters who inherit a lighthouse.
Water boils at a lower temperature at high altitude.
In the beginning the universe was created. This has made a lot of people very angry.
Open the settings, choose "Network", and enable the proxy.
The parliament voted 312 to 298 against the proposal.
Honey never spoils if it is kept in a sealed jar.
"""

OTHERS = [
    "", " ", "a", "I", "?", "...", "42", "3.14159", "-273.15", "1,000,000", "hello", "Hello", "HELLO WORLD",
    "café", "naïve résumé", "Ångström", "Łódź and Kraków", "São Paulo", "El niño comió piñas.", "Übergrößenträger",
    "Ça va très bien, merci.", "Vaše jméno je příliš dlouhé.", "Győr, Pécs és Szeged", "İstanbul ve Iğdır",
    "Việt Nam đất nước ta ơi", "Þórbergur fór út að ganga.", "Ελληνικά και Ὅμηρος", "Привет, как дела?", "Ёлка и чай",
    "שלום עולם", "مرحبا بالعالم", "हिन्दी में एक वाक्य", "ภาษาไทยไม่มีช่องว่าง", "中文没有空格。", "日本語のテキストです。",
    "カタカナとひらがな、ガギグゲゴ", "한국어 문장입니다.", "中文 and English mixed 在一起", "東京 2020 オリンピック", "豈更車賈",
    "😀", "I ❤️ 🍕 and 🍣!", "👩‍👩‍👧‍👦 family", "🇫🇷 vs 🇩🇪", "→ ← ↑ ↓ ∞ ≠ ≤ ≥", "∫ f(x) dx = F(b) − F(a)",
    "½ + ¼ = ¾", "x² + y² = z²", "№ 5 ™ © ®", "ﬁnance and oﬀer", "ﬂuﬀy ½ℓ", "“quotes” and ‘single’ – dash — em…",
    "e\u0301cole and E\u0301COLE", "a\u0300\u0301\u0302\u0303b", "zero\u200bwidth and soft\u00adhyphen",
    "non\u00a0breaking\u2003em\u3000ideographic", "tab\tand\nnewline\r\nand\x0bmore", "nul\x00and\x07bell\x7fdel",
    "bad \ufffd replacement", "\ue000 private \uf8ff use", "\u202eright to left\u202c", "ß ẞ ſ ŉ ǰ", "Ǆ ǅ ǆ Ǉ ǈ Ⅷ ⅷ Ⓐ",
    "Ｆｕｌｌ ｗｉｄｔｈ １２３", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕒𝕟𝕕 𝓈𝒸𝓇𝒾𝓅𝓉", "Ꭰ Ꭱ ꭰ ꭱ Ა Ბ", "𐐀𐐁 𐐨𐐩", "ᾳ ῼ ᾯ Ώ ΐ", "가각힣 각", "क़ ड़ ઁ ொ ෝ",
    "for (int i = 0; i < n; ++i) sum += a[i];", "def f(x):\n    return x ** 2  # square",
    "std::unordered_map<std::string, int> counts;", "SELECT name, age FROM users WHERE id = 42;",
    "if (x != NULL && *x == '\\0') { free(x); }", "https://example.org/path?query=1&other=two#part",
    "user.name+tag@example.com", "C:\\Users\\me\\file.txt", "/usr/share/common-licenses/GPL-3",
    "{\"key\": [1, 2.5, null, true]}", "<p class=\"intro\">Hello &amp; welcome</p>", "git commit -m 'fix: off-by-one'",
    "0xDEADBEEF 0b1010 1e-10", "192.168.0.1:8080", "2026-11-21T04:05:06Z", "+49 (0)30 1234-5678", "$$$ 100%!!! ###",
    "___under_score__ -- dashes --- ~~~", "don't can't won't it's we've I'd", "rock'n'roll", "state-of-the-art",
    "MiXeD CaSe WoRdS", "antidisestablishmentarianism", "pneumonoultramicroscopicsilicovolcanoconiosis",
    "supercalifragilisticexpialidocious!", "x" * 100, "x" * 101, "ab" * 60 + " end", "é" * 100, "é" * 101,
    "[CLS] in a text [SEP] is text, so is [MASK]", "[CLS", "SEP]", "##ing", "# # ##", "[ unused1 ]", "aaaaaaaaaa bbbbbbbbbb", "\u0301", "\u200d\u200d",
]

CODE = """
template <class T>
std::optional<T> Find(std::span<const T> values, const T& wanted) {
  const auto at = std::find(values.begin(), values.end(), wanted);
  return at == values.end() ? std::nullopt : std::optional<T>(*at);
}
"""


def texts():
    """All 200: the sentences, the odd ones, code, and passages of several sentences."""
    found = SENTENCES.strip().split("\n") + OTHERS + [CODE]
    draws = random.Random(20261121)
    sentences = SENTENCES.strip().split("\n")
    while len(found) < 200:
        found.append(" ".join(draws.sample(sentences, 2 + len(found) % 16)))
    return found
