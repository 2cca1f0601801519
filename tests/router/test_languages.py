import pytest

from router import AgentProfile, EmbeddingRouter, bundled_router

CARDS = {
    "zh-sql": "检查数据库迁移脚本是否会锁表|这个ALTER TABLE语句安全吗|请审核新的数据库变更|这条UPDATE语句没有WHERE条件|"
    "迁移脚本会不会丢失数据|数据库变更可以回滚吗",
    "zh-log": "比较两次运行的日志|日志里有什么新的错误|今晚的日志有没有异常|为什么超时变多了|日志里哪些消息消失了|"
    "分析服务器日志",
    "ja-notes": "リリースノートを書いて|前回のタグからの変更をまとめて|変更履歴を作成してください|"
    "このバージョンの新機能は何ですか|修正された不具合の一覧|お客様向けのリリース案内",
    "ru-json": "исправь сломанный json|почему этот документ не читается|проверь ответ по схеме|"
    "восстанови обрезанный json|закрой недостающие скобки|в конфигурации лишняя запятая",
    "de-find": "Finde das Skript, das die Protokolle rotiert|Welches Skript startet den Stapellauf neu|"
    "Gibt es ein Skript zum Aufräumen|Wie rufe ich das Sicherungsskript auf|Suche ein Skript für Zertifikate|"
    "Skript für die Tagesendverarbeitung gesucht",
    "th-sign": "อนุมัติการปล่อยเวอร์ชันนี้ได้ไหม|การทดสอบผ่านครบหรือยัง|ใครต้องอนุมัติการปล่อย|หลักฐานครบถ้วนหรือไม่|"
    "ขอผลการตัดสินใจปล่อยระบบ|ยังขาดการอนุมัติอะไรบ้าง",
    "hi-rates": "आज डॉलर की दर क्या है|यूरो को रुपये में बदलो|पिछले महीने की विनिमय दर दिखाओ|सौ पाउंड कितने रुपये हैं|"
    "विदेशी मुद्रा की दरें|किस मुद्रा की दर गिरी",
}
REQUESTS = [
    ("审核这个数据库迁移", "zh-sql"),
    ("服务器日志出现了新的异常", "zh-log"),
    ("对比昨晚和今晚的日志", "zh-log"),
    ("リリースの変更履歴をまとめてください", "ja-notes"),
    ("新機能の案内を書いて", "ja-notes"),
    ("почини этот json", "ru-json"),
    ("документ не проходит проверку по схеме", "ru-json"),
    ("welches Skript räumt temporäre Dateien auf", "de-find"),
    ("ich suche ein Sicherungsskript", "de-find"),
    ("ปล่อยเวอร์ชันใหม่ได้หรือยัง", "th-sign"),
    ("ใครอนุมัติการทดสอบ", "th-sign"),
    ("आज यूरो की दर बताओ", "hi-rates"),
]


@pytest.fixture(scope="module")
def everywhere() -> EmbeddingRouter:
    """The router that ships, with seven agents whose cards it has never seen, in as many languages."""
    fresh = bundled_router()
    for name, examples in CARDS.items():
        fresh.add(AgentProfile(name, "1", "", tuple(examples.split("|"))))
    return fresh


@pytest.mark.parametrize(("text", "agent"), REQUESTS)
def test_requests_are_routed_in_any_language_people_write(everywhere: EmbeddingRouter, text: str, agent: str) -> None:
    """In other words than the cards', in scripts with spaces and without: to the right agent, and not by abstaining."""
    assert everywhere.predict(text).choice == agent
