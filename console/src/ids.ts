/**
 * The parameter `id` of a page's address: the number of something on the server, from 1. Longer ones are none that a
 * number of JavaScript holds exactly, or a column of the database.
 */
export const ID = ":id([1-9]\\d{0,14})";
