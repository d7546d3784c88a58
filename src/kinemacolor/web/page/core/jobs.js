/** What a task is about to do. */

/** Whether a task runs or waits; else it has ended. @param {{state: string}} job */
export const isActive = ({ state }) => state === "queued" || state === "running";
