"""A session of training and a walk of six minutes in the patient's app."""

import pytest

from tests.e2e.patient_world import Screen

pytestmark = pytest.mark.e2e


def test_a_session_is_asked_for_permitted_trained_stopped_and_kept(world, screen):
    screen.press("我的")
    screen.press("康复训练")
    screen.awaits("已完成 0/36 次")
    screen.shot("rehab-begin-zh")
    _ask_gate(screen, "开始一次训练")
    screen.shot("rehab-ready-zh")
    screen.press("开始训练")
    screen.awaits("热身")
    screen.awaits("快走 第 1 组", 20)
    screen.awaits("再快一点", 20)
    screen.shot("rehab-train-zh")
    screen.press("停止")
    screen.awaits("停下来了")
    screen.shot("rehab-borg-zh")
    screen.press("11 轻松")
    screen.awaits("结果会发给医院")
    screen.shot("rehab-done-zh")
    screen.press("回到首页")
    world.awaits_row("SELECT id FROM rehab_session WHERE \"end\"='stopped' AND borg=11")


def _ask_gate(screen: Screen, what: str) -> None:
    screen.press(what)
    screen.shot("rehab-ask-zh")
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
    screen.shot("walk-zh")
    screen.press("填血压或血氧")
    screen.type_into("血氧 %", "86")
    screen.press("记下")
    screen.awaits("血氧低，停下来")
    screen.awaits("坐下休息")
    screen.press("13 有点累")
    screen.awaits("请填 0 到 1500 的数")
    screen.type_into("距离 米", "35")
    screen.shot("walk-result-zh")
    screen.press("13 有点累")
    screen.awaits("结果会发给医院")
    screen.press("回到首页")
    world.awaits_row(
        "SELECT id FROM rehab_session WHERE kind='walk' AND \"end\"='spo2_low'"
        " AND result LIKE '%\"distance_m\": 35%'",
    )
