-- MySQL dump 10.19  Distrib 10.3.39-MariaDB
DROP TABLE IF EXISTS `vicidial_call_times`;
CREATE TABLE `vicidial_call_times` (
  `call_time_id` varchar(10) NOT NULL,
  `call_time_name` varchar(30) NOT NULL,
  `call_time_comments` varchar(255) DEFAULT '',
  `ct_default_start` smallint(4) unsigned NOT NULL DEFAULT 900,
  `ct_default_stop` smallint(4) unsigned NOT NULL DEFAULT 2100,
  `ct_sunday_start` smallint(4) unsigned DEFAULT 0,
  `ct_sunday_stop` smallint(4) unsigned DEFAULT 0,
  `ct_monday_start` smallint(4) unsigned DEFAULT 0,
  `ct_monday_stop` smallint(4) unsigned DEFAULT 0,
  `ct_tuesday_start` smallint(4) unsigned DEFAULT 0,
  `ct_tuesday_stop` smallint(4) unsigned DEFAULT 0,
  `ct_wednesday_start` smallint(4) unsigned DEFAULT 0,
  `ct_wednesday_stop` smallint(4) unsigned DEFAULT 0,
  `ct_thursday_start` smallint(4) unsigned DEFAULT 0,
  `ct_thursday_stop` smallint(4) unsigned DEFAULT 0,
  `ct_friday_start` smallint(4) unsigned DEFAULT 0,
  `ct_friday_stop` smallint(4) unsigned DEFAULT 0,
  `ct_saturday_start` smallint(4) unsigned DEFAULT 0,
  `ct_saturday_stop` smallint(4) unsigned DEFAULT 0,
  `ct_state_call_times` text,
  PRIMARY KEY (`call_time_id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `vicidial_call_times` VALUES ('9am-9pm','default 9am to 9pm, it''s','',900,2100,2400,2400,0,0,0,0,0,0,0,0,0,0,1000,1730,'|TX|'),('always','','',0,2400,0,0,0,0,0,0,0,0,0,0,0,0,0,0,NULL);
INSERT INTO `vicidial_state_call_times` (`state_call_time_id`,`state_call_time_state`,`sct_default_start`,`sct_default_stop`,`sct_sunday_start`,`sct_sunday_stop`) VALUES ('TX','TX',900,2100,1200,2100);
INSERT INTO `vicidial_admin_log` VALUES (1,'INSERT INTO vicidial_lead_recycle VALUES(9,\'X\',\'B\',1,1,\'Y\');');
INSERT INTO `vicidial_lead_recycle` VALUES (1,'SALES','NA',7200,4,'Y'),(2,'SALES','N',7200,4,'Y');
INSERT INTO `vicidial_statuses` (`status`,`status_name`,`selectable`,`human_answered`,`dnc`) VALUES ('DNC','DO NOT CALL','Y','Y','Y'),('NI','Not Interested','Y','Y','N'),('DNCL','DO NOT CALL Hopper Sys Match','N','N','Y');
INSERT INTO `vicidial_campaigns` (`campaign_id`,`campaign_name`,`dial_statuses`,`lead_order`,`local_call_time`,`use_internal_dnc`,`call_count_limit`) VALUES ('SALES','Spring sales',' B N NA DC -','DOWN COUNT','9am-9pm','Y',12);
