"""The patient's app in Chromium, through the semantics tree, against a real clinic."""

import os
import time

import pytest
from sqlalchemy import text

from tests.e2e.patient_world import Screen

pytestmark = pytest.mark.e2e


def test_home_says_that_the_patient_is_watched_and_what_to_do(world, screen):
    screen.awaits("监护进行中", 60)
    screen.awaits("贴好了")
    screen.awaits("没有")
    screen.awaits("打电话")
    screen.awaits("量一次血压")
    screen.awaits("这不是急救服务")
    screen.shot("home-watched-zh")


def test_a_cut_line_is_said_and_nothing_is_lost(world, screen):
    screen.awaits("监护进行中", 60)
    world.network(up=False)
    try:
        screen.awaits("医院暂时收不到", 40)
        screen.awaits("一点没丢")
        screen.awaits("胸痛、晕倒请直接打 120")
        screen.shot("home-not-sent-zh")
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
    screen.shot("live-zh")
    assert rate >= float(os.environ.get("APP_MIN_FPS", "8"))


def test_vitals_are_checked_and_sent(world, screen):
    screen.awaits("量一次血压")
    screen.press("开始")
    screen.type_into("高压 mmHg", "80")
    screen.type_into("低压 mmHg", "128")
    screen.press("发给医院")
    screen.awaits("高压应比低压大")
    screen.shot("vitals-zh")
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


def test_what_one_feels_is_noted_offline_and_arrives_with_its_window(world, screen):
    world.network(up=False)
    try:
        screen.press("不舒服，记下来")
        screen.press("头晕")
        screen.press("大约 20 分钟前")
        screen.shot("diary-zh")
        screen.press("记下并发给医院")
        screen.awaits("已存在手机里")
        screen.shot("diary-waits-zh")
    finally:
        world.network(up=True)
    screen.awaits("已发给医院", 40)
    world.awaits_row("SELECT id FROM diary_entry WHERE symptoms LIKE '%dizzy%'")


def test_each_purpose_is_agreed_to_alone_and_taken_back(world, screen):
    screen.press("我的")
    screen.press("我同意什么")
    screen.press("教学，同意")
    world.awaits_row("SELECT id FROM consent WHERE purpose='teaching' AND granted")
    screen.press("教学，不同意")
    screen.awaits("不会用于教学")
    world.awaits_row("SELECT id FROM consent WHERE purpose='teaching' AND NOT granted")
    screen.shot("consents-zh")
    screen.press("我要申请删除")
    screen.awaits("确定要申请吗")
    screen.shot("erase-sure-zh")
    screen.press("申请删除")
    screen.awaits("护士会打电话给您。")
    screen.shot("erase-asked-zh")
    world.awaits_row("SELECT id FROM erasure_request WHERE ended_at IS NULL")
    screen.press("不删了，撤回")
    screen.awaits("我要申请删除")
    world.awaits_row("SELECT id FROM erasure_request WHERE ended_at IS NOT NULL")


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
    screen.shot("reach-zh")
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
    screen.shot("helped-zh")
    screen.press("不舒服，记下来")
    screen.press("头晕")
    screen.press("现在")
    screen.press("记下并发给医院")
    screen.awaits("记好了")
    screen.press("我的")
    screen.press("我同意什么")
    screen.awaits("同意要由您本人选")
    assert "教学，同意" not in screen.words()
    world.awaits_row("SELECT id FROM audit WHERE action='phone.help'")
    screen.press("我的")
    screen.press("谁看过我的数据")
    screen.awaits("女儿（家人）")
    screen.shot("traces-zh")
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
    screen.shot("big-home-zh")
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


def test_a_family_link_is_made_shown_and_stopped(screen):
    screen.press("我的")
    screen.press("让家人看")
    screen.type_into("谁", "女儿")
    screen.press("看到多少？ 再加心率")
    screen.press("要密码吗？ 要 6 位密码")
    screen.press("生成二维码")
    screen.awaits("请 女儿 扫这个码")
    screen.awaits("只告诉这位家人")
    code = screen.page.get_by_role("img", name="女儿").first
    code.wait_for(state="attached")
    screen.page.wait_for_timeout(300)
    box = code.bounding_box()
    assert box is not None
    assert 0 < box["y"] < 500, "the code is in sight, though its button was far below"
    screen.shot("family-zh")
    screen.press("不让看了")
    screen.press("停用 女儿")
    screen.awaits("已停用")


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
        screen.shot(f"{lang}-{percent}-{width}-{place}")
    if (percent, width) == (200, 360):
        for place, name in enumerate(MORE[lang]):
            screen.press(NAMES[lang][3])
            screen.press(name)
            assert screen.sideways() <= 1, name
            screen.shot(f"{lang}-{percent}-{width}-more-{place}")
    assert screen.elsewhere == []
    screen.close()
