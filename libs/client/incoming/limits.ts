/** Most keys of one offline:A, and most entries of one offline:R (PROTOCOL: packets, client to server). */
export const MAX_ENTRIES = 500;
