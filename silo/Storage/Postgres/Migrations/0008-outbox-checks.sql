-- granary.publish refuses more of what no broker could take: it waited, and was tried again and again. An expiration beyond ten years, headers CC and BCC that are no arrays; and whole numbers
-- that are written with a fraction of zero are stored without it. The rest is as in 0005: a function is replaced as a whole.
create or replace function granary.publish(
    exchange text, routing_key text, body bytea, properties jsonb default '{}', vhost text default '/', mandatory boolean default false)
    returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
declare
    property record;
    kind     text;
    number   numeric;
    added    bigint;
begin
    if exchange is null or routing_key is null or body is null or properties is null or vhost is null or mandatory is null then
        raise exception 'granary.publish: no argument may be null' using errcode = '22004';
    end if;
    if octet_length(exchange) > 255 or octet_length(routing_key) > 255 or octet_length(vhost) > 255 then
        raise exception 'granary.publish: exchange, routing_key and vhost have at most 255 bytes each' using errcode = '22023';
    end if;
    if octet_length(body) > 16777216 then
        raise exception 'granary.publish: message size % is larger than configured max size 16777216', octet_length(body) using errcode = '22023';
    end if;
    if exchange = '' and routing_key like 'amq.rabbitmq.reply-to%' then
        raise exception 'granary.publish: direct replies cannot be published from the database' using errcode = '22023';
    end if;
    if jsonb_typeof(properties) <> 'object' then
        raise exception 'granary.publish: properties are a JSON object, not %', jsonb_typeof(properties) using errcode = '22023';
    end if;

    for property in select key, value from jsonb_each(properties) loop
        kind := jsonb_typeof(property.value);
        if property.key in ('content_type', 'content_encoding', 'correlation_id', 'reply_to', 'expiration', 'message_id', 'type', 'app_id', 'cluster_id') then
            if kind <> 'string' or octet_length(property.value #>> '{}') > 255 then
                raise exception 'granary.publish: property % is a text of at most 255 bytes', property.key using errcode = '22023';
            end if;
            if property.key = 'expiration' and (case when (property.value #>> '{}') ~ '^[0-9]{1,12}$' then (property.value #>> '{}')::bigint > 315360000000 else true end) then
                raise exception 'granary.publish: invalid expiration ''%'': a text of digits, in milliseconds, of ten years at most', property.value #>> '{}' using errcode = '22023';
            end if;
            if property.key = 'reply_to' and property.value #>> '{}' = 'amq.rabbitmq.reply-to' then
                raise exception 'granary.publish: there is no connection that direct replies could come to' using errcode = '22023';
            end if;
        elsif property.key in ('delivery_mode', 'priority', 'timestamp') then
            number := case when kind = 'number' then (property.value #>> '{}')::numeric end;
            if number is null or number <> trunc(number)
                or (property.key = 'delivery_mode' and number not between 1 and 2)
                or (property.key = 'priority' and number not between 0 and 255)
                or (property.key = 'timestamp' and number not between 0 and 18446744073709551615)
            then
                raise exception 'granary.publish: property % is %', property.key,
                    case property.key when 'delivery_mode' then '1 or 2' when 'priority' then 'a whole number from 0 to 255' else 'a whole number of seconds' end
                    using errcode = '22023';
            end if;
            -- 5.0 is whole, and stays 5.0 in jsonb.
            properties := jsonb_set(properties, array[property.key], to_jsonb(trunc(number)));
        elsif property.key = 'headers' then
            if kind <> 'object' or exists (select from jsonb_object_keys(property.value) as header (name) where octet_length(header.name) > 255) then
                raise exception 'granary.publish: property headers is an object with names of at most 255 bytes' using errcode = '22023';
            end if;
            if property.value ? 'CC' and jsonb_typeof(property.value -> 'CC') <> 'array' or property.value ? 'BCC' and jsonb_typeof(property.value -> 'BCC') <> 'array' then
                raise exception 'granary.publish: headers CC and BCC are arrays of routing keys' using errcode = '22023';
            end if;
        else
            raise exception 'granary.publish: there is no property %', property.key using errcode = '22023', hint =
                'The properties are content_type, content_encoding, headers, delivery_mode, priority, correlation_id, reply_to, expiration, message_id, timestamp, type, app_id and cluster_id.';
        end if;
    end loop;

    insert into granary.outbox (vhost, exchange, routing_key, properties, body, mandatory)
    values (vhost, exchange, routing_key, properties, body, mandatory)
    returning id into added;
    perform pg_notify('granary_outbox', '');
    return added;
end
$$;
