export { live, readSession } from "./client.js";
