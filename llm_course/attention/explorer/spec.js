/** The specification that Python sends. */

/** @import { Spec } from "./types.d.ts" */

/** Fill in what it leaves out: self-attention names its tokens once. @param {Spec} spec */
export function complete(spec) {
  for (const data of spec.sides.flatMap((side) => side.kinds)) {
    data.columns ??= data.rows;
    data.special ??= data.rowSpecial;
    data.segments ??= data.rowSegments;
  }
  return spec;
}
