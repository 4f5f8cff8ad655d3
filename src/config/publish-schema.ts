/** How places are named, and where tokens are published. */
import * as z from 'zod';
import { labelField, mapping } from '../core/wire/field-schemas.ts';

const PLACE_FORM = 'name of a place, one of stores';
const MIRRORS_FORM = 'a list of names of places';

const placeField = (): z.ZodString => z.string(PLACE_FORM).meta({ errorMessage: PLACE_FORM });

export const publishSchema = mapping({
  to: placeField().describe(
    'the place that counts: tokens are published to it by compare-and-swap, and read from it after a restart',
  ),
  mirrors: z
    .array(placeField(), MIRRORS_FORM)
    .prefault([])
    .describe(
      'places that get each token after that, by the same name where they are of the same kind, else by one that plan shows; ' +
        'one that fails delays nobody else',
    ),
});

const MAX_PLACES = 8;
const PLACES_FORM = `a mapping of names to places, 1 to ${MAX_PLACES} of them`;

/** @param place schema of one */
export function placesField(place: z.ZodType) {
  return z
    .record(labelField(), place, PLACES_FORM)
    .refine((places) => Object.keys(places).length >= 1, PLACES_FORM)
    .refine((places) => Object.keys(places).length <= MAX_PLACES, PLACES_FORM);
}
