/** The insurer's desk: answers appear as they come. */
import { follow, redraw } from "../live.js";

follow(() => redraw());
