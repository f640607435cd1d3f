//! The shapes of log records: JSON schemas, one to a service, and layouts of text lines.

/// A JSON schema.
pub struct Schema {
    pub shape: &'static str,
    /// Its writer escapes everything beyond ASCII.
    pub ascii: bool,
}

const fn utf8(shape: &'static str) -> Schema {
    Schema { shape, ascii: false }
}

const fn ascii(shape: &'static str) -> Schema {
    Schema { shape, ascii: true }
}

/// Each service keeps the order of its keys.
pub const SCHEMAS: &[Schema] = &[
    utf8(
        r#"{"timestamp":"$iso","level":"$level","service":"portal-api","version":"$ver","thread":"$thread","logger":"$package.$class","trace_id":"$hex32","span_id":"$hex16","message":"$msg","context":{"tenant":"$uuid","region":"$region"}$fields}"#,
    ),
    utf8(
        r#"{"@timestamp":"$iso","@version":"1","message":"$msg","logger_name":"$package.$class","thread_name":"$thread","level":"$level","level_value":20000,"app":"scheduler","pod":"$pod"$fields}"#,
    ),
    utf8(
        r#"{"time":"$iso_us","level":"$level_low","caller":"$file:$line","msg":"$msg","requestID":"$ulid","elapsed":$float,"status":$status$fields}"#,
    ),
    ascii(
        r#"{"asctime": "$log4j", "levelname": "$level", "name": "billing.$word", "process": $pid, "lineno": $line, "message": "$msg", "request_id": "$uuid", "duration_ms": $float$fields}"#,
    ),
    utf8(
        r#"{"ts":$epoch_float,"lvl":"$level_low","svc":"hl7-bridge","host":"$host","pid":$pid,"msg":"$msg","bytes":$bytes,"peer":"$pod_ip:$port"$fields}"#,
    ),
    utf8(
        r#"{"timestamp":"$iso_zone","severity":"$level","httpRequest":{"requestMethod":"$method","requestUrl":"$path","status":$status,"latency":"${float}s","responseSize":"$bytes","remoteIp":"$pod_ip"},"labels":{"k8s-pod/app":"claims","k8s-pod/hash":"$hex8"},"trace":"projects/care/traces/$hex32","textPayload":"$msg"$fields}"#,
    ),
    utf8(
        r#"{"kind":"audit","id":"$ulid","at":"$iso","actor":{"id":"$staff","role":"$word","ip":"$pod_ip"},"action":"$func","resource":{"type":"$table","id":$id},"outcome":"success","detail":"$msg"$fields}"#,
    ),
    utf8(
        r#"{"log":"$msg","stream":"stdout","docker":{"container_id":"$digest"},"kubernetes":{"container_name":"pharmacy","namespace_name":"care","pod_name":"$pod","pod_ip":"$pod_ip","labels":{"app":"pharmacy","tier":"backend","rev":"$hex8"},"host":"$host"},"time":"$iso_us"$fields}"#,
    ),
    utf8(
        r#"{"t":$epoch_ms,"sev":$small,"op":"$word.$func","dur_us":$count,"ok":$bool,"tags":["$word","$region","v$ver"],"counts":[$n,$n,$count],"text":"$msg"$fields}"#,
    ),
    ascii(
        r#"{"event": "$msg", "level": "$level_low", "logger": "eligibility.$word", "timestamp": "$iso_us", "task_id": "$uuid", "retries": $small, "queue": "$word"$fields}"#,
    ),
    utf8(
        r#"{"level":30,"time":$epoch_ms,"pid":$pid,"hostname":"$pod","reqId":"req-$hex6","req":{"method":"$method","url":"$path","remoteAddress":"$pod_ip","remotePort":$pid},"res":{"statusCode":$status},"responseTime":$float,"msg":"$msg"$fields}"#,
    ),
    utf8(
        r#"{"Timestamp":"$iso","Level":"Information","MessageTemplate":"{Outcome} in {Elapsed} ms","RenderedMessage":"$msg","Properties":{"Outcome":"$word","Elapsed":$float,"SourceContext":"Care.Imaging.$class","MachineName":"$host","ThreadId":$n,"CorrelationId":"$uuid"}$fields}"#,
    ),
    utf8(
        r#"{"eventTime":"$iso","eventVersion":"1.08","eventSource":"$svc.internal","eventName":"$class","awsRegion":"$region","requestParameters":{"bucket":"$word-$region","key":"$hex8/$uuid"},"requestID":"$uuid","readOnly":$bool,"note":"$msg"$fields}"#,
    ),
    utf8(
        r#"{"resource":{"service.name":"telehealth","service.version":"$ver","k8s.pod.uid":"$uuid"},"body":"$msg","severityNumber":9,"severityText":"$level","timeUnixNano":"${epoch_ms}000000","traceId":"$hex32","spanId":"$hex16","flags":1,"attributes":{"http.route":"$path","net.peer.ip":"$pod_ip","thread.name":"$thread","code.lineno":$line}$fields}"#,
    ),
    utf8(
        r#"{"date":"$us_time","service":{"name":"rx-router","instance":$small,"build":"$sha"},"metrics":{"p50":$float,"p99":$float,"hits":$count,"ratio":$ratio,"gc":null},"alerts":[],"msg":"$msg","done":$bool$fields}"#,
    ),
    utf8(
        r#"{"seq":$offset,"when":"$spaced","src":"document-store","doc":{"id":"$uuid","sha256":"$digest","pages":$n,"mime":"application/pdf"},"what":"$msg","took":"$dur"$fields}"#,
    ),
];

/// Layouts of lines.
pub const LAYOUTS: &[&str] = &[
    "$iso $level [$thread] $package.$class - $msg",
    "$log4j $level  [$thread] $package.$class:$line - $msg",
    "<134>$syslog $host $svc[$pid]: $msg",
    "<14>1 $iso_us $host $svc $pid ID$n [meta@32473 seq=\"$count\" trace=\"$hex16\"] $msg",
    "$epoch_ms $level $svc $msg",
    "ts=$iso level=$level_low svc=$svc trace=$hex32 msg=\"$quoted\" dur=$dur",
    "time=\"$iso_zone\" level=$level_low msg=\"$quoted\" component=$word pid=$pid",
    "[$log4j: $level/MainProcess] $word.tasks[$uuid]: $msg",
    "I$klog   $n $file:$line] $msg",
    "$iso_zone  $level 1 --- [$thread] o.e.care.$class : $msg",
    "$spaced UTC [$pid] LOG:  $msg",
    "$iso_us stdout F $msg",
    "$us_time|$level|$svc|$hex12|$msg",
    "$pod_ip - - [$clf] \"$method $path HTTP/1.1\" $status $bytes \"-\" \"$agent\" $msg",
    "$syslog $host kernel: [$count.$code6] $svc: $msg",
    "[$epoch_float] ($level_low) $class#$func {req=$uuid} $msg",
    "$spaced $level $svc/$ver $pod req=$hex12 - $msg",
    "$level_low\t$iso\t$file:$line\t$msg\t{\"requestId\": \"$ulid\", \"elapsed\": $float}",
];
