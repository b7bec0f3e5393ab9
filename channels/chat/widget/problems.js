/** Why a message cannot be taken, said so that the visitor knows what to do. */

const CERTAIN = ["too_long", "type", "too_big", "empty"];
const MEGABYTE = 1_000_000;

/** Whether sending it again cannot help. */
export function isCertain(problem) {
  return CERTAIN.includes(problem);
}

/** What the server would say of this file; undefined where it would take it. */
export function problemWith(file, limits) {
  const ending = file.name.split(".").pop().toLowerCase();
  if (!limits.file_types.includes(ending)) return "type";
  if (file.size > limits.file_size) return "too_big";
  return file.size ? undefined : "empty";
}

/** The problem in the visitor's words. */
export function explain(problem, limits, words) {
  const size = limits.file_size; // a round number is easier to read
  const limit = words.size(size < MEGABYTE ? size : Math.floor(size / MEGABYTE) * MEGABYTE);
  return words.say(`problem_${isCertain(problem) ? problem : "other"}`, { limit });
}
