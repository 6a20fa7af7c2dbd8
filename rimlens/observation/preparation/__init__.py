"""From a raw frame to an `Observation`: cutout, sky, noise, masks, PSF and lens light.

Every step is a function of an NDData that returns another of the same class, a `CCDData` as long
as there is neither noise nor a point-spread function, an `Observation` afterwards, and that notes
under ``PREPARATION`` in its meta what it did.  What becomes of an observation does not belong
here.
"""
