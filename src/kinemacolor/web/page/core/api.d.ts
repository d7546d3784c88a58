// Written from the OpenAPI document; until then, loose.
export type ProjectView = any;
export type ShotList = any;
export type JobView = any;
export type FrameLook = any;
export type Players = any;
export type Plan = any;
export type Session = any;
export type Upload = any;
