using Granary.Differ.Tests.Brokers;
using Granary.Testing.Wire;

namespace Granary.Differ.Tests.Walk;

/// <summary>What one sequence has at one of the two brokers.</summary>
internal sealed class Side(BrokerAddress broker, string vhost, string run) : IAsyncDisposable
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);

    private readonly Dictionary<char, Peer> _peers = [];
    private readonly Dictionary<char, int> _seen = [];
    private readonly Dictionary<(char, ushort), ConfirmCount> _confirms = [];
    private readonly List<Peer> _ended = [];
    private readonly Wording _names = new(run);

    /// <summary>Confirms are still to come.</summary>
    public bool IsOwed => _confirms.Values.Any(count => count.Open.Count > 0);

    /// <summary>Opens what the operation needs, sends it, and waits for the answer. What comes is in <see cref="News"/>.</summary>
    public async Task DoAsync(Operation one, ulong tag, TimeSpan oddPause)
    {
        var channel = (ushort)(one.Place[1] - '0');
        var peer = await PeerAsync(one.Place[0]);
        if (!peer.IsOpen(channel))
        {
            _confirms.Remove((one.Place[0], channel));
            var opened = peer.Count;
            await peer.SendMethodAsync(channel, WireMethods.ChannelOpen());
            await peer.TakeAsync(opened, happening => happening.Is(20, 11) && happening.Channel == channel, happening => happening.Close is not null, AnswerLimit);
            peer.NoteOpen(channel);
        }

        var start = peer.Count;
        if (one.Kind == "confirm.select" && !_confirms.ContainsKey((one.Place[0], channel)))
        {
            _confirms[(one.Place[0], channel)] = new ConfirmCount();
        }
        else if (one.Kind == "basic.publish" && _confirms.TryGetValue((one.Place[0], channel), out var confirms))
        {
            confirms.Open.Add(++confirms.Last);
        }

        var isOdd = one.Kind.StartsWith("odd.", StringComparison.Ordinal);
        var answer = isOdd ? null : Frames.AnswerOf(one);
        var sent = Frames.Of(one, channel, _names, tag);

        // What has no answer is followed by something that has one: in one go, as the channel may be closed for the first.
        await peer.SendAsync(isOdd || answer is not null ? sent : [.. sent, .. Frames.ChannelFlow(channel)]);
        if (one.Kind is "channel.close")
        {
            peer.NoteClosed(channel);
        }

        if (isOdd)
        {
            await peer.WaitAsync(start, happening => happening.Close is not null, oddPause);
        }
        else if (answer is var (classId, methodId))
        {
            await peer.WaitAsync(start, IsAnswer, AnswerLimit);
            bool IsAnswer(Happening happening) => happening.Close is { } close && (happening.Channel == channel || close.Level == "connection")
                || (happening.Channel == channel || happening.Channel == 0) && (happening.Is(classId, methodId) || methodId == 71 && happening.Is(60, 72));
        }
        else
        {
            await peer.TakeAsync(
                start,
                happening => happening.Is(20, 21) && happening.Channel == channel,
                happening => happening.Close is { } close && (happening.Channel == channel || close.Level == "connection"),
                AnswerLimit);
        }

        if (one.Kind == "connection.close")
        {
            await peer.WaitAsync(start, happening => happening.Is(10, 51) || happening.IsEnd, AnswerLimit);
        }
    }

    /// <summary>What has come since the last step, as lines that can be compared; and each new delivery's line with its tag, by channel.</summary>
    public News Look(bool take)
    {
        var news = new News();
        foreach (var (name, peer) in _peers)
        {
            var happened = peer.Since(_seen.GetValueOrDefault(name));
            if (take)
            {
                _seen[name] = _seen.GetValueOrDefault(name) + happened.Length;
            }

            var consumers = happened.Where(happening => happening.IsDelivery).Select(happening => (happening.Channel, happening.Consumer)).Distinct().ToLookup(pair => pair.Channel);
            foreach (var happening in happened)
            {
                Note(news, name, happening, showTag: consumers[happening.Channel].Count() < 2, take);
            }
        }

        return news;
    }

    /// <summary>Ends the connections in good order.</summary>
    public async Task CloseAsync()
    {
        foreach (var peer in _peers.Values.Where(peer => !peer.IsOver))
        {
            var start = peer.Count;
            await peer.SendMethodAsync(0, WireMethods.ConnectionClose());
            await peer.WaitAsync(start, happening => happening.Is(10, 51) || happening.IsEnd, AnswerLimit);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var peer in _peers.Values.Concat(_ended))
        {
            await peer.DisposeAsync();
        }
    }

    private void Note(News news, char connection, Happening happening, bool showTag, bool take)
    {
        var place = happening.Channel == 0 ? $"{connection}" : $"{connection}{happening.Channel}";
        if (happening.IsConfirm)
        {
            if (!_confirms.TryGetValue((connection, happening.Channel), out var confirms))
            {
                news.Add(place, happening.ToString());
                return;
            }

            var confirmed = confirms.Open.Where(tag => happening.Multiple ? tag <= happening.Tag : tag == happening.Tag).ToArray();
            foreach (var tag in confirmed)
            {
                news.Add($"{place} confirms", $"{happening.Text} {tag}");
            }

            if (confirmed.Length == 0 && !happening.Multiple)
            {
                news.Add(place, $"{happening} for nothing that is open");
            }

            if (take)
            {
                confirms.Open.ExceptWith(confirmed);
            }

            return;
        }

        if (happening.Text.Length == 0)
        {
            return;
        }

        if (happening.Is(20, 40) || happening.Is(20, 41))
        {
            _confirms.Remove((connection, happening.Channel));
        }

        var text = _names.Shown(happening.Text);
        if (happening.IsDelivery || happening.IsGot)
        {
            var group = happening.IsDelivery ? $"{place} {_names.Shown(happening.Consumer!)}" : place;
            news.Add(group, showTag ? $"{text} tag={happening.Tag}" : text);
            news.AddDelivery(place, group, happening.Tag);
            return;
        }

        news.Add(place, text);
    }

    private async Task<Peer> PeerAsync(char name)
    {
        if (_peers.TryGetValue(name, out var peer))
        {
            if (!peer.IsOver)
            {
                return peer;
            }

            _ended.Add(peer);
            foreach (var key in _confirms.Keys.Where(key => key.Item1 == name).ToArray())
            {
                _confirms.Remove(key);
            }
        }

        _seen[name] = 0;
        return _peers[name] = await Peer.OpenAsync(broker.AmqpPort, vhost);
    }

    private sealed class ConfirmCount
    {
        public ulong Last { get; set; }

        public SortedSet<ulong> Open { get; } = [];
    }
}

/// <summary>What came at one step, by connection, channel and consumer, as order holds within these only.</summary>
internal sealed class News
{
    private readonly SortedDictionary<string, List<string>> _lines = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, SortedDictionary<string, List<ulong>>> _deliveries = new(StringComparer.Ordinal);

    public void Add(string group, string line)
    {
        if (!_lines.TryGetValue(group, out var lines))
        {
            _lines[group] = lines = [];
        }

        lines.Add(line);
        if (group.EndsWith(" confirms", StringComparison.Ordinal))
        {
            lines.Sort(StringComparer.Ordinal);
        }
    }

    public void AddDelivery(string place, string group, ulong tag)
    {
        if (!_deliveries.TryGetValue(place, out var groups))
        {
            _deliveries[place] = groups = new SortedDictionary<string, List<ulong>>(StringComparer.Ordinal);
        }

        if (!groups.TryGetValue(group, out var tags))
        {
            groups[group] = tags = [];
        }

        tags.Add(tag);
    }

    /// <summary>Line by line, with the place at the beginning.</summary>
    public string[] Lines() => [.. _lines.SelectMany(group => group.Value.Select(line => $"{group.Key}: {line}"))];

    /// <summary>The tags of a channel's deliveries, in an order that both brokers have.</summary>
    public IEnumerable<(string Place, ulong[] Tags)> Deliveries() => _deliveries.Select(place => (place.Key, place.Value.Values.SelectMany(tags => tags).ToArray()));
}
