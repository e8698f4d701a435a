// A patient's file: what every page does, and the follow-up.

import "./page.js";
import "./plan.js";
