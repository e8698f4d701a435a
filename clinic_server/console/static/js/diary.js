// What the patient felt and measured: only the strips move.

import "./page.js";
import { drawMoments } from "./moments.js";

drawMoments();
