/**
 * fast-check, set up for all tests: what has a `maxLength` may be as long. By default it makes lists of ten at most, whatever
 * they are allowed: too short for buffers to fill, for limits to be passed, and for what is done by words.
 */
import fc from "fast-check";

fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });

export * from "fast-check";
export default fc;
