"""The choices that the panel keeps in the scene, and what they mean in the terms of the library."""

from typing import Annotated

from slicer import vtkMRMLDisplayableNode, vtkMRMLScalarVolumeNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from M3DPanelLib.SurfaceChoices import SurfaceMethod, takeSurface

from .Choices import (
    Answer,
    Destination,
    Laterality,
    PredecessorPurpose,
    TitleCode,
    Unit,
    Usage,
)

# Parameters that ask for model files, and the format of each.
FILES = {f"file{kind.capitalize()}": kind for kind in ("stl", "3mf", "amf", "obj", "ply", "glb")}


@parameterNodeWrapper
class M3DExportParameterNode:
    """Everything a user has chosen.

    inputNode - segmentation or model to export.
    segmentIds - segments to export; none when empty.
    sourceVolume - the scan.
    predecessorUid - SOP Instance UID of an earlier model in the database, "" for none.
    validatedSha256 - of the surface that M3D Validation has validated (binary STL in mm), "" for none.
    reportUids - SOP Instance UIDs of the report of that validation, in the database.
    override - why the model is exported although something fails, "" when nothing does.
    validation - what that validation found, one sentence.
    verdict - of that validation, as its report names it, "" for none.
    profile - name and version of the profile it was judged by.
    folder - for DICOM files, "" for none.
    caseFolder - of the case on whose record the work goes, "" for none.
    fileStl, file3mf ... - whether the models are written as such files too, beside the DICOM files in the folder.

    handOverFolder, packageFile - what is handed over, and the package, "" for none.
    pseudonym, withIdentity, keepImages, faceIsNeeded, noFace, signKey, encryptFor, tableFor, timeStampServer - how
        it is packed, as in :class:`M3DLib.HandOver.PackageRequest.PackageRequest`; passwords are not kept.

    The rest has the names of :class:`M3DLib.EncapsulatedStl.ModelDescription.ModelDescription` and
    :class:`M3DLib.Mesh.SurfaceParameters.SurfaceParameters`. User name and password are not kept.
    """

    inputNode: vtkMRMLDisplayableNode
    segmentIds: list[str]
    sourceVolume: vtkMRMLScalarVolumeNode

    method: SurfaceMethod = SurfaceMethod.FLYING_EDGES
    smoothing: Annotated[float, WithinRange(0, 1)] = 0.2
    decimation: Annotated[float, WithinRange(0, 0.99)] = 0.0
    refine: bool = False
    refineRange: Annotated[float, WithinRange(0, 10)] = 0.0
    maxError: Annotated[float, WithinRange(0, 1)] = 0.0
    merge: bool = False

    title: str = ""
    titleCode: TitleCode = TitleCode.AUTOMATIC
    contentDescription: str = ""
    seriesDescription: str = ""
    segmentation: str = ""
    part: str = ""
    usage: Usage = Usage.NOT_SAID
    units: Unit = Unit.MILLIMETER
    modified: Answer = Answer.NOT_SAID
    mirrored: Answer = Answer.NOT_SAID
    laterality: Laterality = Laterality.AUTOMATIC
    burnedInAnnotation: bool = False
    recognizableVisualFeatures: Answer = Answer.NOT_SAID
    verified: Answer = Answer.NOT_SAID
    assembly: bool = False
    predecessorUid: str = ""
    predecessorPurpose: PredecessorPurpose = PredecessorPurpose.EDITED
    continueSeries: bool = False

    validatedSha256: str = ""
    reportUids: list[str]
    override: str = ""
    validation: str = ""
    verdict: str = ""
    profile: str = ""

    destination: Destination = Destination.DATABASE
    folder: str = ""
    caseFolder: str = ""
    fileStl: bool = False
    file3mf: bool = False
    fileAmf: bool = False
    fileObj: bool = False
    filePly: bool = False
    fileGlb: bool = False
    server: str = ""

    handOverFolder: str = ""
    packageFile: str = ""
    pseudonym: str = ""
    withIdentity: bool = False
    keepImages: bool = False
    faceIsNeeded: str = ""
    noFace: str = ""
    signKey: str = ""
    encryptFor: str = ""
    tableFor: str = ""
    timeStampServer: str = ""


def descriptionOf(parameters):
    """The description that the panel says; an assembly gets a group of its own at each export."""
    from M3DLib.Dicom.Uid import newUid
    from M3DLib.EncapsulatedStl.ModelDescription import ModelDescription, parameterText

    return ModelDescription(
        title=parameters.title.strip(),
        titleCode=parameters.titleCode.value,
        contentDescription=parameters.contentDescription.strip(),
        usage=parameters.usage.value,
        units=parameters.units.value,
        modified=parameters.modified.value,
        mirrored=parameters.mirrored.value,
        laterality=parameters.laterality.value,
        burnedInAnnotation=parameters.burnedInAnnotation,
        recognizableVisualFeatures=parameters.recognizableVisualFeatures.value,
        verified=parameters.verified.value,
        groupUid=newUid() if parameters.assembly else "",
        seriesDescription=parameters.seriesDescription.strip(),
        segmentation=parameters.segmentation.strip(),
        part=parameterText(parameters.part),
    )


def filesOf(parameters):
    """The model files that the panel asks for beside the DICOM files in a folder; None for none."""
    from M3DLib.PrintFiles.PrintRequest import PrintRequest

    kinds = tuple(kind for name, kind in FILES.items() if getattr(parameters, name))
    return PrintRequest(kinds) if kinds else None


def validatedOf(parameters):
    """What is known of the validation of the model; None when it was not validated."""
    from M3DLib.InSlicer.ValidatedModel import ValidatedModel

    if not parameters.validatedSha256:
        return None
    return ValidatedModel(
        parameters.validatedSha256,
        tuple(parameters.reportUids),
        parameters.override,
        parameters.verdict,
        parameters.profile,
    )


def forgetValidation(parameters):
    """Export the model as one that nobody has validated."""
    parameters.validatedSha256 = parameters.override = parameters.validation = ""
    parameters.verdict = parameters.profile = ""
    parameters.reportUids = []


def fillIn(parameters, *, node, segmentIds, volume, surface, usage, validated, validation="", part=""):
    """Put a validated model into the panel.

    :param surface: ``SurfaceParameters``, None for a finished model.
    :param usage: keyword of CID 7064, "" to leave it as it is.
    :param validated: ``ValidatedModel``.
    :param validation: what the validation found, one sentence for the user.
    :param part: why the model is meant to be a part of the anatomy only, "" when it is whole.
    """
    parameters.inputNode = node
    parameters.segmentIds = list(segmentIds)
    parameters.sourceVolume = volume
    if surface is not None:
        takeSurface(parameters, surface)
    parameters.merge = False
    parameters.units = Unit.MILLIMETER
    if usage:
        parameters.usage = Usage(usage)
    parameters.validatedSha256 = validated.sha256
    parameters.reportUids = list(validated.reportUids)
    parameters.override = validated.override
    parameters.validation = validation
    parameters.verdict, parameters.profile = validated.verdict, validated.profile
    parameters.part = part


def earlierOf(parameters, database):
    """The earlier model that the panel names, from the database; None when it names none.

    :raises M3DError: it is no longer there.
    """
    if not parameters.predecessorUid:
        return None
    from M3DLib.EncapsulatedStl.EarlierModels import readEarlierModels
    from M3DLib.Errors import M3DError

    file = database.fileForInstance(parameters.predecessorUid)
    if not file:
        raise M3DError("The earlier model is no longer in the DICOM database; choose another one or none.")
    isEdited = parameters.predecessorPurpose == PredecessorPurpose.EDITED
    return readEarlierModels(
        edited=[file] if isEdited else [],
        components=[] if isEdited else [file],
        sameSeries=parameters.continueSeries,
    )
