# A collections campaign, as it was exported and tidied up.
resource "genesyscloud_routing_wrapupcode" "promise" {
  name = "Promise to pay"
}

data "genesyscloud_routing_wrapupcode" "stop" {
  name = "Do not call again"
}

resource "genesyscloud_outbound_dnclist" "requests" {
  name            = "Requests"
  dnc_source_type = "rds"
}

resource "genesyscloud_outbound_ruleset" "collections" {
  name            = "Collections rules"
  contact_list_id = genesyscloud_outbound_contact_list.debtors.id

  rules {
    name     = "Only those who owe"
    order    = 0
    category = "DIALER_PRECALL"
    conditions {
      type           = "contactAttributeCondition"
      attribute_name = "Balance Due"
      value          = "50"
      value_type     = "NUMERIC"
      operator       = "LESS_THAN"
    }
    actions {
      type             = "Action"
      action_type_name = "DO_NOT_DIAL"
      properties       = {}
    }
  }

  rules {
    name     = "Not without consent, but for mobiles of New York"
    order    = 1
    category = "DIALER_PRECALL"
    conditions {
      type           = "contactAttributeCondition"
      inverted       = true
      attribute_name = "consent"
      value          = "yes"
      value_type     = "STRING"
      operator       = "EQUALS"
    }
    conditions {
      type     = "phoneNumberCondition"
      inverted = true
      value    = "+1212"
      operator = "BEGINS_WITH"
    }
    actions {
      type             = "Action"
      action_type_name = "DO_NOT_DIAL"
    }
    actions {
      type             = "Action"
      action_type_name = "SET_CALLER_ID"
      properties = {
        callerAddress = "+12125550100"
        callerName    = "Example Ltd"
      }
    }
  }

  rules {
    name     = "Retry on busy"
    order    = 3
    category = "DIALER_WRAPUP"
    conditions {
      type     = "callAnalysisCondition"
      value    = "disposition.classification.callable.busy"
      operator = "EQUALS"
    }
    actions {
      type             = "Action"
      action_type_name = "SCHEDULE_CALLBACK"
      properties = {
        callbackOffset = "15"
      }
    }
  }

  rules {
    name     = "Promised"
    order    = 2
    category = "DIALER_WRAPUP"
    conditions {
      type  = "wrapupCondition"
      codes = [genesyscloud_routing_wrapupcode.promise.id]
    }
    conditions {
      type           = "contactAttributeCondition"
      attribute_name = "segment"
      value          = "retail"
      value_type     = "STRING"
      operator       = "CONTAINS"
    }
    actions {
      type             = "modifyContactAttribute"
      action_type_name = "MODIFY_CONTACT_ATTRIBUTE"
      update_option    = "SET"
      properties = {
        "Promised" = "yes"
      }
    }
    actions {
      type             = "Action"
      action_type_name = "CONTACT_UNCALLABLE"
    }
  }

  rules {
    name     = "Stop"
    order    = 4
    category = "DIALER_WRAPUP"
    conditions {
      type  = "wrapupCondition"
      codes = [data.genesyscloud_routing_wrapupcode.stop.id, "ININ-OUTBOUND-SIT-UNCALLABLE"]
    }
    actions {
      type             = "Action"
      action_type_name = "APPEND_NUMBER_TO_DNC_LIST"
      properties = {
        dncListId          = genesyscloud_outbound_dnclist.requests.id
        expirationDuration = "P365D"
      }
    }
  }

  rules {
    name     = "Ask the ledger"
    order    = 5
    category = "DIALER_PRECALL"
    conditions {
      type           = "dataActionCondition"
      data_action_id = genesyscloud_integration_action.ledger.id
    }
    actions {
      type             = "Action"
      action_type_name = "DO_NOT_DIAL"
    }
  }
}

resource "genesyscloud_outbound_attempt_limit" "careful" {
  name                     = "Careful"
  reset_period             = "TODAY"
  time_zone_id             = "America/New_York"
  max_attempts_per_contact = 4
  max_attempts_per_number  = 2
  recall_entries {
    no_answer {
      minutes_between_attempts = 120
      nbr_attempts             = 2
    }
    answering_machine {
      minutes_between_attempts = var.machine_minutes
      nbr_attempts             = 1
    }
  }
}

resource "genesyscloud_outbound_callabletimeset" "decent_hours" {
  name = "Decent hours"
  callable_times {
    time_zone_id = "America/New_York"
    time_slots {
      day        = 4
      start_time = "09:00:30"
      stop_time  = "12:30:00"
    }
    time_slots {
      day        = 4
      start_time = "14:00:00"
      stop_time  = "20:00:00"
    }
    time_slots {
      day        = 6
      start_time = "10:00:00"
      stop_time  = "16:00:00"
    }
  }
  callable_times {
    time_zone_id = "America/Chicago"
    dynamic "time_slots" {
      for_each = [1, 2, 3]
      content {
        day        = time_slots.value
        start_time = "09:00:00"
        stop_time  = "20:00:00"
      }
    }
  }
}

resource "genesyscloud_outbound_callanalysisresponseset" "machines" {
  name                   = "Machines"
  beep_detection_enabled = true
  responses {
    callable_person {
      reaction_type = "transfer"
    }
    callable_machine {
      name          = "Leave a message"
      data          = genesyscloud_flow.message.id
      reaction_type = "transfer_flow"
    }
    callable_fax {
      reaction_type = "hangup"
    }
    callable_busy {
      reaction_type = "hangup"
    }
  }
}

resource "genesyscloud_outbound_campaignrule" "speed_up" {
  name    = "Speed up"
  enabled = true
}
