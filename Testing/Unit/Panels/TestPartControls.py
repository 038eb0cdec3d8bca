"""A model that is meant to be a part of the anatomy only, declared in the panels."""

import json


def declare(widget, reason):
    widget._parameterNode.part = True
    widget._parameterNode.partReason = reason


def test_declarationNeedsAReasonAndStandsInTheReport(validationPanel):
    widget = validationPanel
    assert not widget.ui.partReasonLineEdit.visible
    declare(widget, " ")
    assert widget.ui.partReasonLineEdit.visible
    assert not widget.ui.validateButton.enabled
    assert "Say why" in widget.ui.validateButton.toolTip
    declare(widget, "Upper half, for a guide")
    assert widget.ui.validateButton.enabled
    widget.ui.validateButton.click()
    data = json.loads(widget._parameterNode.report.GetText())
    assert data["declaredPart"] == "Upper half, for a guide"
    assert "Outdated" not in widget.ui.verdictLabel.text
    widget._parameterNode.part = False
    assert "Outdated" in widget.ui.verdictLabel.text


def test_scanAloneIsNoPart(validationPanel, scannedBall):
    from M3DTestSupport.ValidationPanel import choose
    from M3DValidationPanelLib.ValidationParameters import partOf

    declare(validationPanel, "a half")
    choose(validationPanel, None)
    validationPanel._parameterNode.volume = scannedBall[0]
    assert partOf(validationPanel._parameterNode) == ""
    assert not validationPanel.ui.partCheckBox.visible
    assert validationPanel.ui.validateButton.enabled


def test_objectOfAValidatedPartSaysSo(validationPanel, panelApplication):
    import pydicom
    import slicer

    from M3DExport import M3DExportLogic

    slicer.util.selectModule = lambda name: None
    declare(validationPanel, "Upper half, for a guide")
    validationPanel.ui.validateButton.click()
    validationPanel.ui.reasonLineEdit.text = "Teaching"
    validationPanel.ui.exportButton.click()
    logic = M3DExportLogic()
    parameters = logic.getParameterNode()
    assert parameters.part == "Upper half, for a guide"
    (uid,) = logic.exportParameters(parameters)
    dataset = pydicom.dcmread(panelApplication.database.fileForInstance(uid))
    assert "part=Upper half; for a guide" in dataset.DerivationAlgorithmSequence[0].AlgorithmParameters
