"""The patient's app in Chromium, through the semantics tree, against a real clinic."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from sqlalchemy import text

from clinic_server.alarms import service as alarms
from clinic_server.consults import service as consults
from clinic_server.staff import service as staff
from clinic_server.wire.care import Opinion
from tests.e2e.patient_world import SOS, Screen, World, running
from tests.factories import system_now

pytestmark = pytest.mark.e2e
SHOTS = os.environ.get("APP_SHOTS")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("patient")) as world:
        yield world


@pytest.fixture
def screen(world: World, browser: Browser) -> Iterator[Screen]:
    screen = Screen(browser, f"{world.web}/patient/p1")
    yield screen
    assert screen.elsewhere == [], "a request left the machine"
    screen.close()


def shot(screen: Screen, name: str) -> None:
    """Keep a picture when a person wants to look."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        screen.page.wait_for_timeout(500)
        screen.page.screenshot(path=f"{SHOTS}/{name}.png")


def test_home_says_that_the_patient_is_watched_and_what_to_do(world, screen):
    screen.awaits("监护进行中", 60)
    screen.awaits("贴好了")
    screen.awaits("没有")
    screen.awaits("打电话")
    screen.awaits("量一次血压")
    screen.awaits("这不是急救服务")
    shot(screen, "home-watched-zh")


def test_a_cut_line_is_said_and_nothing_is_lost(world, screen):
    screen.awaits("监护进行中", 60)
    world.network(up=False)
    try:
        screen.awaits("医院暂时收不到", 40)
        screen.awaits("一点没丢")
        screen.awaits("胸痛、晕倒请直接打 120")
        shot(screen, "home-not-sent-zh")
    finally:
        world.network(up=True)
    screen.awaits("监护进行中", 40)


def test_the_trace_runs_at_fifteen_frames_a_second(screen):
    screen.press("心电")
    screen.awaits("走纸中")
    screen.awaits("信号好，数得准", 40)
    screen.awaits("手机只数心跳，不下诊断")
    before, began = screen.frames, time.monotonic()
    first = screen.page.screenshot()
    screen.page.wait_for_timeout(4000)
    rate = (screen.frames - before) / (time.monotonic() - began)
    assert first != screen.page.screenshot()
    shot(screen, "live-zh")
    assert rate >= float(os.environ.get("APP_MIN_FPS", "8"))


def test_vitals_are_checked_and_sent(world, screen):
    screen.awaits("量一次血压")
    screen.press("开始")
    screen.type_into("高压 mmHg", "80")
    screen.type_into("低压 mmHg", "128")
    screen.press("发给医院")
    screen.awaits("高压应比低压大")
    shot(screen, "vitals-zh")
    screen.type_into("高压 mmHg", "128")
    screen.type_into("低压 mmHg", "80")
    screen.press("发给医院")
    screen.awaits("记 30 秒心电")
    with world.db.read() as session:
        query = text("SELECT result FROM task WHERE kind LIKE 'vitals' OR kind='VITALS'")
        deadline = time.monotonic() + 15
        while "128" not in str(session.execute(query).all()):
            assert time.monotonic() < deadline
            session.rollback()
            time.sleep(0.2)


def _count(world: World, query: str, least: int = 1) -> None:
    """Wait until the clinic has it."""
    deadline = time.monotonic() + 20
    with world.db.read() as session:
        while len(session.execute(text(query)).all()) < least:
            assert time.monotonic() < deadline, query
            session.rollback()
            time.sleep(0.2)


def test_what_one_feels_is_noted_offline_and_arrives_with_its_window(world, screen):
    world.network(up=False)
    try:
        screen.press("不舒服，记下来")
        screen.press("头晕")
        screen.press("大约 20 分钟前")
        shot(screen, "diary-zh")
        screen.press("记下并发给医院")
        screen.awaits("已存在手机里")
        shot(screen, "diary-waits-zh")
    finally:
        world.network(up=True)
    screen.awaits("已发给医院", 40)
    _count(world, "SELECT id FROM diary_entry WHERE symptoms LIKE '%dizzy%'")


def test_each_purpose_is_agreed_to_alone_and_taken_back(world, screen):
    screen.press("我的")
    screen.press("我同意什么")
    screen.press("教学，同意")
    _count(world, "SELECT id FROM consent WHERE purpose='teaching' AND granted")
    screen.press("教学，不同意")
    screen.awaits("不会用于教学")
    _count(world, "SELECT id FROM consent WHERE purpose='teaching' AND NOT granted")
    shot(screen, "consents-zh")


def test_a_session_is_asked_for_permitted_trained_stopped_and_kept(world, screen):
    screen.press("我的")
    screen.press("康复训练")
    screen.awaits("已完成 0/36 次")
    shot(screen, "rehab-begin-zh")
    _ask_gate(screen, "开始一次训练")
    shot(screen, "rehab-ready-zh")
    screen.press("开始训练")
    screen.awaits("热身")
    screen.awaits("快走 第 1 组", 20)
    screen.awaits("再快一点", 20)
    shot(screen, "rehab-train-zh")
    screen.press("停止")
    screen.awaits("停下来了")
    shot(screen, "rehab-borg-zh")
    screen.press("11 轻松")
    screen.awaits("结果会发给医院")
    shot(screen, "rehab-done-zh")
    screen.press("回到首页")
    _count(world, "SELECT id FROM rehab_session WHERE \"end\"='stopped' AND borg=11")


def _ask_gate(screen: Screen, what: str) -> None:
    screen.press(what)
    shot(screen, "rehab-ask-zh")
    for question in ("这两天胸痛过吗？", "比平时气短吗？", "晕倒过吗？", "重了 2 公斤"):
        screen.press_like(question, "没有")
    screen.type_into("高压 mmHg", "128")
    screen.type_into("低压 mmHg", "78")
    screen.press("静坐 1 分钟")
    screen.awaits("坐好，手放松")
    screen.awaits("可以开始", 40)


def test_a_walk_has_its_clock_its_rests_and_stops_when_oxygen_is_low(world, screen):
    screen.press("我的")
    screen.press("康复训练")
    _ask_gate(screen, "6 分钟步行")
    screen.awaits("数好来回几趟")
    screen.press("开始训练")
    screen.awaits("这组还剩")
    screen.press("站一站")
    screen.press("接着走")
    shot(screen, "walk-zh")
    screen.press("填血压或血氧")
    screen.type_into("血氧 %", "86")
    screen.press("记下")
    screen.awaits("血氧低，停下来")
    screen.awaits("坐下休息")
    screen.press("13 有点累")
    screen.awaits("请填 0 到 1500 的数")
    screen.type_into("距离 米", "35")
    shot(screen, "walk-result-zh")
    screen.press("13 有点累")
    screen.awaits("结果会发给医院")
    screen.press("回到首页")
    _count(
        world,
        "SELECT id FROM rehab_session WHERE kind='walk' AND \"end\"='spo2_low'"
        " AND result LIKE '%\"distance_m\": 35%'",
    )


def test_a_question_about_thirty_seconds_is_looked_at_asked_and_answered(world, screen):
    screen.press("记 30 秒心电，问医生")
    screen.awaits("急事不要在这里问")
    screen.press("开始 30 秒")
    screen.awaits("正在看这 30 秒", 60)
    screen.press("想问什么？ 心慌")
    shot(screen, "ask-zh")
    screen.press("发给医生")
    screen.awaits("最晚", 40)
    shot(screen, "asked-zh")
    screen.press("回到首页")
    screen.press("信箱", exact=False)
    screen.awaits("您问了")
    _count(world, "SELECT id FROM consult WHERE question LIKE '心慌%'")
    with world.db.write() as session:
        number = session.execute(text("SELECT max(id) FROM consult")).scalar_one()
        doctor = staff.staff_by_id(session, world.doctor_id)
        words = "这 30 秒是规则的心跳，少喝浓茶。"
        consults.answer(
            session, doctor, number, Opinion.FREE_TEXT, None, words, system_now()
        )
    screen.press("医生对您提问的答复", exact=False)
    screen.awaits("少喝浓茶")
    screen.awaits("您问了：")
    shot(screen, "answered-zh")


FAKES = """
window.told = {notices: [], words: []};
window.Notification = class {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title, { body }) {
    told.notices.push(`${title}: ${body}`);
    setTimeout(() => this.onshow && this.onshow(), 10);
  }
};
Object.defineProperty(window, "speechSynthesis", { value: {
  getVoices: () => [{ lang: "zh-CN" }], addEventListener() {},
  speak: (said) => told.words.push(said.text) } });
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
"""


def test_a_page_says_what_this_device_can_do_and_lets_it_be_tried(world, browser):
    screen = Screen(browser, f"{world.web}/patient/p1?at=reach", script=FAKES)
    screen.awaits("提醒能到您这里吗")
    screen.press("试一次提醒")
    screen.awaits("提醒已弹出")
    screen.press("试一次朗读")
    screen.awaits("刚读了一句")
    screen.press("试一次定位")
    screen.awaits("找到了位置，没有发出")
    shot(screen, "reach-zh")
    told = screen.page.evaluate("told")
    assert told["notices"] == ["安心: 现在有一件事要做。点开看看。"]
    assert told["words"] == ["医生的答复到了。请看信箱。"]
    screen.close()


def test_a_browser_without_a_voice_says_so(world, browser):
    screen = Screen(browser, f"{world.web}/patient/p1?at=reach")
    screen.awaits("这部设备没有中文语音")
    screen.awaits("同样的话会用大字写在首页")
    screen.close()


def test_what_a_relative_does_is_noted_under_their_name_and_consents_stay_shut(
    world, screen
):
    screen.press("我的")
    screen.press("家人帮我操作")
    screen.type_into("谁在帮忙", "女儿")
    screen.press("开始帮忙")
    screen.awaits("女儿 正在帮忙")
    shot(screen, "helped-zh")
    screen.press("不舒服，记下来")
    screen.press("头晕")
    screen.press("现在")
    screen.press("记下并发给医院")
    screen.awaits("记好了")
    screen.press("我的")
    screen.press("我同意什么")
    screen.awaits("同意要由您本人选")
    assert "教学，同意" not in screen.words()
    _count(world, "SELECT id FROM audit WHERE action='phone.help'")
    screen.press("我的")
    screen.press("谁看过我的数据")
    screen.awaits("女儿（家人）")
    shot(screen, "traces-zh")
    screen.press("返回")
    screen.press("家人帮我操作")
    screen.press("结束帮忙")
    screen.awaits("请先写是谁")


def test_big_buttons_show_one_card_at_a_time(world, screen):
    screen.press("我的")
    screen.press("大按钮 开")
    screen.awaits("第 1 张，共")
    screen.press("首页")
    screen.awaits("第 1 张，共")
    shot(screen, "big-home-zh")
    screen.press("下一张")
    screen.awaits("第 2 张，共")
    screen.press("我的")
    for _ in range(12):
        if "大按钮 关" in screen.words():
            break
        screen.press("下一张")
    screen.press("大按钮 关")
    screen.press("首页")
    assert "第 1 张" not in screen.words()


def test_sos_is_held_followed_and_answered(world, screen):
    screen.press("我的")
    screen.press("我同意什么")
    screen.press("位置，同意")
    screen.press("首页")
    screen.awaits("求助 SOS")
    screen.hold(SOS, 900)
    assert "正在求助" not in screen.words(), "too short a press must not call"
    screen.hold(SOS, 2600)
    screen.awaits("正在求助")
    screen.awaits("打 120")
    screen.awaits("心电已存好")
    screen.press("胸痛")
    screen.awaits("您的位置一起发出")
    shot(screen, "sos-zh")
    _count(world, "SELECT id FROM alarm WHERE evidence LIKE '%39.90923%'")
    alarm_id = _open_sos(world)
    with world.db.write() as session:
        doctor = staff.staff_by_id(session, world.doctor_id)
        alarms.acknowledge(session, doctor, alarm_id, system_now())
        alarms.decide_and_advise(
            session,
            doctor,
            alarm_id,
            Opinion.OBSERVE,
            None,
            "药照常吃，明天上午量一次心电。",
            system_now(),
        )
    screen.awaits("回到首页", 30)
    screen.press("回到首页")
    screen.press("信箱", exact=False)
    screen.awaits("继续观察，不用去医院")
    shot(screen, "inbox-zh")
    screen.press("继续观察，不用去医院", exact=False)
    screen.awaits("药照常吃")
    _await_reply(world, alarm_id, None)
    shot(screen, "answer-zh")
    screen.press("我明白了")
    screen.awaits("您回复了：我明白了")
    _await_reply(world, alarm_id, "understood")


CALLS = "SELECT id FROM alarm WHERE code='alarms.sos'"


def test_help_is_asked_for_without_a_network_and_goes_out_with_one(world, screen):
    screen.awaits("监护进行中", 60)
    with world.db.read() as session:
        before = len(session.execute(text(CALLS)).all())
    world.network(up=False)
    try:
        screen.hold(SOS, 2600)
        screen.awaits("正在求助")
        screen.awaits("没有网络，等着发出", 40)
        screen.awaits("打 120")
        shot(screen, "sos-offline-zh")
        screen.press("按错了，取消")
        screen.awaits("不舒服，记下来")
        screen.hold(SOS, 2600)
        screen.awaits("没有网络，等着发出", 40)
    finally:
        world.network(up=True)
    _count(world, CALLS, before + 1)
    screen.awaits("正在发给医院 100", 90)  # half a minute after the press is still recorded
    screen.press("按错了，取消")
    screen.awaits("可能会打电话确认")
    screen.press("回到首页")
    with world.db.read() as session:
        assert len(session.execute(text(CALLS)).all()) == before + 1, "one, not two"


def _open_sos(world: World) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with world.db.read() as session:
            row = session.execute(
                text("SELECT id FROM alarm WHERE code='alarms.sos' ORDER BY id DESC")
            ).first()
        if row:
            return int(row[0])
        time.sleep(0.2)
    raise AssertionError("the call for help did not arrive")


def _await_reply(world: World, alarm_id: int, reply: str | None) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with world.db.read() as session:
            row = session.execute(
                text("SELECT read_at, reply FROM advice WHERE alarm_id=:id"),
                {"id": alarm_id},
            ).first()
        if row and row[0] is not None and row[1] == reply:
            return
        time.sleep(0.2)
    raise AssertionError("the clinic does not know that the answer was read")


def test_a_family_link_is_made_shown_and_stopped(screen):
    screen.press("我的")
    screen.press("让家人看")
    screen.type_into("谁", "女儿")
    screen.press("看到多少？ 再加心率")
    screen.press("要密码吗？ 要 6 位密码")
    screen.press("生成二维码")
    screen.awaits("请 女儿 扫这个码")
    screen.awaits("只告诉这位家人")
    shot(screen, "family-zh")
    screen.press("不让看了")
    screen.press("停用 女儿")
    screen.awaits("已停用")


def test_a_new_phone_is_enrolled_refuses_the_wrong_patch_and_takes_the_right(
    world, browser
):
    screen = Screen(browser, f"{world.web}/patient/p2")
    screen.awaits("还没连到医院")
    shot(screen, "home-not-enrolled-zh")
    screen.press("开始连接")
    screen.type_into("连接码", "WRONG-CODE")
    screen.press("连接医院")
    screen.awaits("这个码不对")
    shot(screen, "pair-code-zh")
    screen.type_into("连接码", world.code)
    screen.press("连接医院")
    screen.awaits("您的贴片号：AX-E1", 20)
    screen.awaits("AX-E0")  # looked for without a tap
    shot(screen, "pair-scan-zh")
    screen.press("连接 AX-E0")
    screen.awaits("这不是发给您的贴片")
    screen.press("连接 AX-E1")
    _first_day(screen)
    screen.press("回到首页")
    screen.awaits("监护进行中", 40)
    _something_grave(world, screen)
    assert screen.elsewhere == []
    screen.close()


def _first_day(screen: Screen) -> None:
    screen.awaits("第 1 步，共 6")
    for purpose in ("监护和诊疗", "给家人看", "教学"):
        screen.press(f"{purpose}，同意")
    for purpose in ("研究", "位置"):
        screen.press_like(purpose, "不同意")
    shot(screen, "first-consent-zh")
    screen.press("下一步")
    screen.awaits("擦干皮肤，等 1 分钟")
    shot(screen, "first-wear-zh")
    screen.press("贴好了，试信号")
    screen.awaits("可以分析", 40)
    shot(screen, "check-zh")
    screen.press("好了，回首页")
    screen.awaits("三个小问题")
    screen.press("睡一会儿")
    screen.awaits("请先打 120，不要等")
    for answer in ("打 120", "擦干皮肤，贴回去", "要，难受自己求助或打 120"):
        screen.press(answer)
    shot(screen, "first-teach-zh")
    screen.press("下一步")
    screen.awaits("这是练习，不会发给任何人")
    shot(screen, "first-practise-zh")
    screen.hold(SOS, 2600)
    screen.awaits("练好了")
    screen.press("下一步")
    screen.awaits("提醒能到您这里吗")
    shot(screen, "first-reach-zh")
    screen.press("完成")
    screen.awaits("第一天都做完了")


def _something_grave(world: World, screen: Screen) -> None:
    screen.press("不舒服，记下来")
    screen.press("胸痛")
    screen.press("有 5 分钟以上")
    screen.press("现在")
    screen.press("记下并发给医院")
    screen.awaits("这可能要紧")
    screen.awaits("打 120")
    shot(screen, "diary-grave-zh")
    screen.press("记下并求助")
    screen.awaits("正在求助")
    _count(world, "SELECT id FROM diary_entry WHERE grave")
    said = "SELECT id FROM alarm WHERE rule='E10' AND evidence LIKE '%chest_pain%'"
    _count(world, said)


MORE = {
    "en": (
        *("Diary", "What I agree to", "Rehab session", "My results", "Ask my doctor"),
        *("Let my family look", "Who looked at my data", "Return the device"),
    ),
    "zh-CN": (
        *("不舒服日记", "我同意什么", "康复训练", "我的结果", "问医生"),
        *("让家人看", "谁看过我的数据", "归还设备"),
    ),
}
NAMES = {"en": ("Home", "ECG", "Inbox", "Me"), "zh-CN": ("首页", "心电", "信箱", "我的")}


@pytest.mark.parametrize(
    ("lang", "percent", "width", "height"),
    [
        ("zh-CN", 200, 360, 800),
        ("en", 200, 360, 800),
        ("en", 100, 360, 800),
        ("zh-CN", 100, 1024, 768),
        ("en", 200, 1024, 768),
    ],
)
def test_no_screen_reaches_over_its_edge(world, browser, lang, percent, width, height):
    address = f"{world.web}/patient/p1?lang={lang}&text={percent}"
    screen = Screen(browser, address, width=width, height=height)
    for place, name in enumerate(NAMES[lang]):
        screen.press(name)
        screen.page.wait_for_timeout(900)
        assert screen.sideways() <= 1, name
        shot(screen, f"{lang}-{percent}-{width}-{place}")
    if (percent, width) == (200, 360):
        for place, name in enumerate(MORE[lang]):
            screen.press(NAMES[lang][3])
            screen.press(name)
            assert screen.sideways() <= 1, name
            shot(screen, f"{lang}-{percent}-{width}-more-{place}")
    assert screen.elsewhere == []
    screen.close()
