"""A new wearer's first day, a question, and calls for help, in the patient's app."""

import time

import pytest
from sqlalchemy import text

from clinic_server.alarms import service as alarms
from clinic_server.consults import service as consults
from clinic_server.staff import service as staff
from clinic_server.wire.care import Opinion
from tests.e2e.patient_world import SOS, Screen, World
from tests.factories import system_now

pytestmark = pytest.mark.e2e


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
    screen.shot("sos-zh")
    world.awaits_row("SELECT id FROM alarm WHERE evidence LIKE '%39.90923%'")
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
    screen.shot("inbox-zh")
    screen.press("继续观察，不用去医院", exact=False)
    screen.awaits("药照常吃")
    _await_reply(world, alarm_id, None)
    screen.shot("answer-zh")
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
        screen.shot("sos-offline-zh")
        screen.press("按错了，取消")
        screen.awaits("不舒服，记下来")
        screen.hold(SOS, 2600)
        screen.awaits("没有网络，等着发出", 40)
    finally:
        world.network(up=True)
    world.awaits_row(CALLS, before + 1)
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


def test_a_question_about_thirty_seconds_is_looked_at_asked_and_answered(world, screen):
    screen.press("记 30 秒心电，问医生")
    screen.awaits("急事不要在这里问")
    screen.press("开始 30 秒")
    screen.awaits("正在看这 30 秒", 60)
    screen.press("想问什么？ 心慌")
    screen.shot("ask-zh")
    screen.press("发给医生")
    screen.awaits("最晚", 40)
    screen.shot("asked-zh")
    screen.press("回到首页")
    screen.press("信箱", exact=False)
    screen.awaits("您问了")
    world.awaits_row("SELECT id FROM consult WHERE question LIKE '心慌%'")
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
    screen.shot("answered-zh")


def test_a_new_phone_is_enrolled_refuses_the_wrong_patch_and_takes_the_right(
    world, browser
):
    screen = Screen(browser, f"{world.web}/patient/p2")
    screen.awaits("还没连到医院")
    screen.shot("home-not-enrolled-zh")
    screen.press("开始连接")
    screen.type_into("连接码", "WRONG-CODE")
    screen.press("连接医院")
    screen.awaits("这个码不对")
    screen.shot("pair-code-zh")
    screen.type_into("连接码", world.code)
    screen.press("连接医院")
    screen.awaits("您的贴片号：AX-E1", 20)
    screen.awaits("AX-E0")  # looked for without a tap
    screen.shot("pair-scan-zh")
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
    screen.shot("first-consent-zh")
    screen.press("下一步")
    screen.awaits("擦干皮肤，等 1 分钟")
    screen.shot("first-wear-zh")
    screen.press("贴好了，试信号")
    screen.awaits("可以分析", 40)
    screen.shot("check-zh")
    screen.press("好了，回首页")
    screen.awaits("三个小问题")
    screen.press("睡一会儿")
    screen.awaits("请先打 120，不要等")
    for answer in ("打 120", "擦干皮肤，贴回去", "要，难受自己求助或打 120"):
        screen.press(answer)
    screen.shot("first-teach-zh")
    screen.press("下一步")
    screen.awaits("这是练习，不会发给任何人")
    screen.shot("first-practise-zh")
    screen.hold(SOS, 2600)
    screen.awaits("练好了")
    screen.press("下一步")
    screen.awaits("提醒能到您这里吗")
    screen.shot("first-reach-zh")
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
    screen.shot("diary-grave-zh")
    screen.press("记下并求助")
    screen.awaits("正在求助")
    world.awaits_row("SELECT id FROM diary_entry WHERE grave")
    said = "SELECT id FROM alarm WHERE rule='E10' AND evidence LIKE '%chest_pain%'"
    world.awaits_row(said)
