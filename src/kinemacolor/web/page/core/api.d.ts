// Made by docs/make_api_types.py from the OpenAPI document of the server: change the models there.

/** A frame that would help most as a reference: at `seconds`, it takes away `share` of all doubt, 0..1. */
export interface AdviceView {
  frame: number;
  seconds: number;
  share: number;
  shots: number[];
}

/** Read the film once: its shots, small pictures, and which frames are worth colouring. */
export interface AnalyzeFilm {
  kind?: "look";
  detector?: "luma" | "transnet";
}

/** Give shots, by number, these references and no others. */
export interface AssignReferences {
  references: Record<string, string[]>;
}

/** Bytes: of the user's films, null until they were measured; free ones; the most that a user may take, or null. */
export interface DiskUse {
  used_bytes: number | null;
  free_bytes: number;
  share_bytes: number | null;
}

/** What a fault of a shot means, and from which amount on a shot wants a look. */
export interface FaultMeaning {
  unit: string;
  meaning: string;
  limit: number;
}

/** A file to download. */
export interface FileLink {
  label: string;
  url: string;
}

/**
 * What a user should know of a film. Sizes are those on a display, in px.
 *
 * `duration`: as H:MM:SS.s. `start_seconds`, `end_seconds`: the part that the project works on. `warnings`:
 * sentences for the user.
 */
export interface FilmCard {
  title: string;
  width: number;
  height: number;
  rate: number | null;
  frames: number | null;
  duration: string | null;
  duration_seconds: number | null;
  depth: number;
  codec: string;
  start_seconds: number;
  end_seconds: number | null;
  warnings: string[];
}

/**
 * The film that the plan is for, and the part of it from `start_seconds` to `end_seconds` (None: its end).
 *
 * `path` is relative to the plan's file; frames are counted from `start_seconds`. `anchors` are the timestamps,
 * in ticks of the film, of frame 0, `every`, 2 `every`... (`FrameIndex`). `gaps` is what becomes of numbered
 * pictures that are missing.
 */
export interface FilmEntry {
  path: string;
  sha256: string;
  frames: number;
  start_seconds: number;
  end_seconds: number | null;
  gaps: "error" | "hold" | "skip";
  every: number;
  anchors: number[];
}

/** A film in the server's folder, by its path relative to that folder. */
export interface FilmInFolder {
  film: string;
}

/** Options of a film: what is given is changed; null: the default. */
export interface FilmOptionsChange {
  short_side?: number | null;
  saturation?: number | null;
  edge_filter?: "none" | "fgs" | "guided" | null;
  fill?: boolean | null;
  crop?: boolean | null;
  precision?: "float32" | "float16" | "bfloat16" | null;
}

/** An early frame as pictures to get; `seconds`: its time. Colours are null while there is no reference. */
export interface FirstLookView {
  frame: number;
  seconds: number;
  width: number;
  height: number;
  gray: string;
  color: string | null;
  confidence: string | null;
  reference: string | null;
}

/** A form in which a film can be rendered: `name` is what a task takes, `label` is for people. */
export interface FormatView {
  name: string;
  label: string;
  suffix: string;
}

/**
 * A frame as pictures to get: gray, in colour, and confidence (white: sure), of `width` and `height` px.
 *
 * `references`: names of the plan's references that its colours come from. `doubt`: 1 less the mean confidence,
 * 0..1. `is_rendered`: colours are those of the film as it was rendered, not of the frame alone.
 */
export interface FrameLook {
  frame: number;
  width: number;
  height: number;
  gray: string;
  color: string;
  confidence: string;
  references: string[];
  doubt: number;
  is_rendered: boolean;
}

/**
 * When frames are shown: `rate` a second, in the mean.
 *
 * `times`: of each frame, in seconds after the first one; null where the rate says them all.
 */
export interface FrameTimes {
  rate: number;
  times: number[] | null;
}

/** Give a reference to shots beside those that they have; null: to all shots. */
export interface GiveReference {
  give: string;
  shots?: number[] | null;
}

/** Jobs of a user, and the number of jobs of other users that run or wait. */
export interface JobList {
  jobs: JobView[];
  others: number;
}

/**
 * A job as its user sees it.
 *
 * `place`: position in the queue, 1 is next. `is_stopping`: it was asked to stop, and does soon. `step`: what is
 * done now, or was when it stopped; `done` of `expected` of it is finished, `rate` of it a second. `created`,
 * `ended`: seconds since 1970.
 */
export interface JobView {
  id: string;
  project: string;
  title: string;
  kind: string;
  state: "queued" | "running" | "done" | "failed" | "stopped";
  place: number | null;
  is_stopping: boolean;
  created: number;
  ended: number | null;
  step: string | null;
  done: number;
  expected: number | null;
  rate: number | null;
  seconds_left: number | null;
  message: string | null;
  result: FileLink[];
}

/** Choose references for every shot. What somebody chose stays; None: as the plan has it, or the default. */
export interface MakePlan {
  kind?: "plan";
  model?: string | null;
  options?: RenderOptions | null;
  per_shot?: number;
}

/** Make one shot of shot `merge` and the next one. */
export interface MergeShots {
  merge: number;
}

/**
 * A model, and the options that it has by itself.
 *
 * `can_fill`: it knows typical colours. `matches`: it tells where in a reference a colour comes from. `notices`:
 * sentences about its weights that a user must know.
 */
export interface ModelView {
  name: string;
  is_default: boolean;
  short_side: number;
  saturation: number;
  edge_filter: "none" | "fgs" | "guided";
  can_fill: boolean;
  matches: boolean;
  notices: string[];
}

/** Have shot `move` begin with frame `first`; the shot before it ends there. */
export interface MoveCut {
  move: number;
  first: number;
}

/**
 * Where the colour of a point comes from: `row` and `column`, 0..1, of a reference; null where nobody knows.
 *
 * `confidence` is that of the colour, `matched` the part of it that comes from there, `filled` the part that no
 * reference shows, all 0..1.
 */
export interface OriginView {
  reference: string | null;
  row: number | null;
  column: number | null;
  confidence: number | null;
  matched: number | null;
  filled: number | null;
}

/**
 * A frame to be painted on, a picture to get. `painted_on` names it when strokes are sent.
 *
 * `strokes`: what was painted on this frame before, a picture with transparency; null where nothing was.
 */
export interface PaintableView {
  picture: string;
  painted_on: string;
  width: number;
  height: number;
  references: string[];
  strokes: string | null;
}

/**
 * Everything that decides the colours of a film; encoding and device are chosen by each render.
 *
 * `weights` has the sha256 of each part of the model, None where it is untrained. `references` are known by name;
 * `shots` cover all frames of the film without gaps. Raises ValidationError (pydantic) for a plan that is not
 * consistent.
 */
export interface Plan {
  kinemacolor: string;
  version: 1;
  film: FilmEntry;
  model: string;
  weights: Record<string, string | null>;
  options: RenderOptions;
  references: Record<string, ReferenceEntry>;
  shots: ShotEntry[];
}

/** A change of a plan: what is given is changed. */
export interface PlanChange {
  model?: string | null;
  options?: FilmOptionsChange;
}

/**
 * A film to play, gray at the left and in colour at the right, each half `width` x `height` px.
 *
 * `start_frame`: of the film, where it begins. `is_outdated`: the plan was changed.
 */
export interface PlayerView {
  rate: number;
  times: number[] | null;
  width: number;
  height: number;
  frames: number;
  url: string;
  start_frame: number;
  is_outdated: boolean;
}

/**
 * The whole film, and the clip that was tried last; null where there is none.
 *
 * `clock`: when the frames of the film itself are shown; null before it was looked at.
 */
export interface Players {
  clock: FrameTimes | null;
  film: PlayerView | null;
  clip: PlayerView | null;
}

/** Colorize a few seconds of the plan, from a time or, if it is given, from a `frame`. */
export interface PreviewClip {
  kind?: "try";
  frame?: number | null;
  start_seconds?: number;
  seconds?: number;
}

/** What is given is changed. `end_seconds`: null is the end of the film. A null title stays as it was. */
export interface ProjectChange {
  title?: string | null;
  start_seconds?: number | null;
  end_seconds?: number | null;
}

/**
 * A project as programs get it.
 *
 * `film`: null if it cannot be read any more. `created`, `changed`: seconds since 1970. `revision` changes
 * with all that is shown of a project. `picture`: address of a small picture of the film or its result. `state`:
 * "looking" while its shots are looked for, "shots" when they are found; "outdated": it was changed after a render.
 * `size_bytes`: what it takes on the disk, null until it was measured. `can_undo`, `can_redo`: what that would
 * change, in a few words, or null. `looked_at`: shots are known. `planned`: references are chosen.
 */
export interface ProjectView {
  id: string;
  title: string;
  created: number;
  changed: number;
  is_photograph: boolean;
  revision: string;
  film: FilmCard | null;
  picture: string | null;
  state: "new" | "looking" | "shots" | "planned" | "rendered" | "outdated" | "damaged";
  size_bytes: number | null;
  can_undo: string | null;
  can_redo: string | null;
  looked_at: boolean;
  planned: boolean;
  references: ReferenceView[];
  results: ResultView[];
}

/**
 * A colour picture, its path relative to the plan's file.
 *
 * `frame` is the number of the film's frame that it is a picture of; None where it shows no frame of the film.
 * `still_of` tells where a picture was taken that this program took of a colour film; it decides nothing.
 */
export interface ReferenceEntry {
  path: string;
  frame: number | null;
  still_of: StillEntry | null;
}

/**
 * A picture or film in colour that a user gave.
 *
 * `name`: that of the plan where it is in it; `file`: its file name. `url`: a small picture of it. `frame`: of
 * the film, which it shows; null for none. `still_of`: the file name of the film that it was taken from; null for
 * what the user gave. `width`, `height`: in px, null where it cannot be read. `used`: numbers of the shots that
 * take it, of a film also by its stills.
 */
export interface ReferenceView {
  name: string;
  file: string;
  url: string;
  frame: number | null;
  is_film: boolean;
  is_partial: boolean;
  still_of: string | null;
  width: number | null;
  height: number | null;
  used: number[];
}

/** A command line that does the same as a render. */
export interface RenderCommand {
  command: string;
}

/**
 * Colorize the whole film; what is missing of `AnalyzeFilm` and `MakePlan` is done first.
 *
 * `layer`: also the colours alone. `confidence`: also how sure the model is, as a film.
 */
export interface RenderFilm {
  kind?: "render";
  form?: "h264" | "h265" | "prores" | "dnxhr" | "ffv1" | "vp9" | "png" | null;
  layer?: boolean;
  confidence?: boolean;
}

/**
 * The options for colorizing a film; those of `ShotRenderOptions` may differ from shot to shot.
 *
 * With `crop` the model sees only the middle 16:9 of film and references, as in Deep Exemplar's script, and the rest
 * stays gray. `precision` is that of the networks; matching is always float32. With `fill` a model that can
 * (`ModelSpec.can_fill`) gives typical colours, a guess, where the references show nothing plausible.
 */
export interface RenderOptions {
  short_side: number | null;
  saturation: number | null;
  edge_filter: "none" | "fgs" | "guided" | null;
  crop: boolean;
  precision: "float32" | "float16" | "bfloat16";
  fill: boolean;
}

/**
 * A shot of a report: `verdict` is "pass" or "look", `need` its worst fault as a multiple of the limit.
 *
 * `reasons`: a sentence about each fault that reaches its limit. `picture`: a file beside the report.
 */
export interface ReportShot {
  number: number;
  first: number;
  last: number;
  seconds: number;
  references: string[];
  least_sure: number;
  picture: string;
  measures: Record<string, unknown>;
  verdict: string;
  need: number;
  reasons: Record<string, string>;
  faults: Record<string, number | null>;
}

/**
 * The quality report as it was written, and whether something was changed since.
 *
 * `faults`: what each means; `references`: the picture of each, a file beside the report. `per_frame`: a number
 * for each frame, by the name of what was measured.
 */
export interface ReportView {
  is_outdated: boolean;
  report: number;
  kinemacolor: string;
  film: string;
  model: string;
  frames: number;
  mean_confidence: number | null;
  filled: number | null;
  faults: Record<string, FaultMeaning>;
  advice: AdviceView[];
  shots: ReportShot[];
  references: Record<string, string>;
  per_frame: Record<string, (number | null)[]>;
}

/** A file that was made. `is_partial`: the film could not be read to its end. `is_outdated`: it was changed. */
export interface ResultView {
  name: string;
  url: string;
  size_bytes: number;
  is_partial: boolean;
  is_outdated: boolean;
}

/** The small film that comes with this program, and its reference. */
export interface SampleFilm {
  sample: true;
}

/** A complete upload: a picture of a frame in colour. */
export interface SentPicture {
  upload: string;
}

/** Strokes on a frame, and other frames of its shot to look at. */
export interface SentSpread {
  layer: string;
  painted_on?: string | null;
  frames: number[];
}

/**
 * Strokes on a frame: `layer`, a data URL of a PNG of the size of what is painted on, transparent elsewhere.
 *
 * `painted_on`: the name that `PaintableView` has, if all the rest of the frame is right, too; null: only what is
 * painted counts.
 */
export interface SentStrokes {
  layer: string;
  painted_on?: string | null;
}

/** What may be uploaded: bytes of one file, and endings of names. */
export interface SessionLimits {
  largest_upload: number;
  picture_suffixes: string[];
  film_suffixes: string[];
}

/**
 * Who asks (`user`: null where the server asks for no name), what this server takes, and what it can do.
 *
 * `is_shared`: all users see the same films. `has_films`: there is a folder of films to open. `has_sample`:
 * there is a film to try.
 */
export interface SessionView {
  version: string;
  user: string | null;
  is_shared: boolean;
  has_films: boolean;
  has_sample: boolean;
  limits: SessionLimits;
  disk: DiskUse;
  models: ModelView[];
  formats: FormatView[];
}

/** Change options of shots, by number. */
export interface SetShotOptions {
  options: Record<string, ShotOptionsChange>;
}

/**
 * A shot: the frames from `first` to `last`, both included.
 *
 * `transition` says how the shot begins and `certainty`, 0..1, how sure the detector is of that; `dissolve` is
 * the length in frames of the dissolve around `first`. `references` has the names of its references, each with
 * the score of `compute_similarity`, or None for a reference that a person chose.
 */
export interface ShotEntry {
  first: number;
  last: number;
  transition: "cut" | "fade" | "dissolve" | null;
  dissolve: number;
  certainty: number;
  references: Record<string, number | null>;
  options: ShotRenderOptions;
}

/** The shots of a film of so many frames, at `rate` a second; `is_edited`: its user has changed cuts. */
export interface ShotList {
  frames: number;
  rate: number | null;
  is_edited: boolean;
  shots: ShotView[];
}

/** Options that differ from shot to shot: what is given is changed; null: as the film has it, then the model. */
export interface ShotOptionsChange {
  short_side?: number | null;
  saturation?: number | null;
  edge_filter?: "none" | "fgs" | "guided" | null;
}

/** A reference of a shot; `score`: how similar it is, at most 1, null where a person chose it. */
export interface ShotReferenceView {
  name: string;
  score: number | null;
}

/**
 * The options that may differ from shot to shot. None stands for the film's value, then for the model's own.
 *
 * `short_side` is the working size: the shorter side in px. `saturation` is a factor on ab. `edge_filter` aligns
 * ab with the edges of the film: none, fgs (fast global smoother, lambda 500, sigma 4, as in Deep Exemplar's script)
 * or guided (guided filter, He et al. 2013).
 */
export interface ShotRenderOptions {
  short_side: number | null;
  saturation: number | null;
  edge_filter: "none" | "fgs" | "guided" | null;
}

/**
 * A shot: its number from 1, frames `first` to `last`, and times after the film's first frame.
 *
 * `picture`: address of a small gray picture of it, null where there is none. `middle`: its middle frame.
 * `certainty`: how sure its beginning is, 0..1. `doubt`: how unsure its colours are, 0..1, before it was rendered
 * those of the thumbnail of its middle, if there is one. `needs_look`: a limit of the report is reached;
 * `fault` names the worst one, and `reason` is its sentence; false and null until it was rendered.
 */
export interface ShotView {
  number: number;
  first: number;
  last: number;
  start_seconds: number;
  end_seconds: number;
  picture: string | null;
  middle: number;
  transition: "cut" | "fade" | "dissolve" | null;
  dissolve: number;
  certainty: number;
  references: ShotReferenceView[];
  options: ShotRenderOptions;
  doubt: number | null;
  needs_look: boolean;
  fault: string | null;
  reason: string | null;
  state: "unplanned" | "planned" | "rendered" | "outdated";
}

/** Make two shots of shot `split`; the second one begins with frame `at`. */
export interface SplitShot {
  split: number;
  at: number;
}

/** A frame without and with strokes on another one, as pictures to get. */
export interface SpreadFrameView {
  frame: number;
  before: string;
  after: string;
}

/** How strokes would spread over other frames. */
export interface SpreadView {
  frames: SpreadFrameView[];
}

/** Where a still was taken: a colour film, its path relative to the plan's file, and the number of its frame. */
export interface StillEntry {
  path: string;
  frame: number;
}

/**
 * A frame that is worth colouring.
 *
 * `coverage`: share of the film that this frame and the suggested ones before it can colour, 0..1. `shots`:
 * numbers of the shots that it helps.
 */
export interface SuggestedFrame {
  frame: number;
  coverage: number;
  shots: number[];
}

/** What a frame looks like now, as a small picture to get; `doubt`: 1 less the mean confidence, 0..1. */
export interface ThumbnailView {
  color: string;
  doubt: number;
}

/** An upload that goes on at `received`, and not where a piece was offered. */
export interface UploadConflict {
  id: string;
  name: string;
  size: number;
  received: number;
  error: string;
  exit_code: number;
}

/** A file that is to come in pieces: its name, and how many bytes it has. */
export interface UploadRequest {
  name: string;
  size: number;
}

/** A file that comes in pieces: `received` of `size` bytes are there. */
export interface UploadView {
  id: string;
  name: string;
  size: number;
  received: number;
}

/** Complete uploads, by their ids: one film or photograph, or the numbered pictures of one film. */
export interface UploadedFilm {
  uploads: string[];
}

/** A complete upload, by its id: the zip that the export of a project gave. */
export interface UploadedProject {
  upload: string;
}

/** A complete upload, by its id, to be a reference; `frame`: the frame of the film that the picture shows. */
export interface UploadedReference {
  upload: string;
  frame?: number | null;
}

export type Session = SessionView;

export type Upload = UploadView;
