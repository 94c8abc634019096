namespace Granary.Node.Configuration;

/// <summary>What RabbitMQ takes together of several keys: the address and the port of a listener, and which listeners there are.</summary>
internal static class RabbitListeners
{
    private static readonly (string Setting, int Port)[] Standard = [("http-port", 15672), ("http-tls-port", 15671), ("metrics-port", 15692), ("metrics-tls-port", 15691)];

    /// <param name="lines">All that have an effect.</param>
    public static void Complete(Dictionary<string, ConfiguredValue> values, IReadOnlyList<ConfigurationLine> lines)
    {
        // A listener is there when anything is said of it, and the one without TLS no more when nothing is.
        Begin(values, lines, "management.ssl.", "http-tls-port", "http-port");
        Begin(values, lines, "prometheus.ssl.", "metrics-tls-port", "metrics-port");
        foreach (var (setting, port) in Standard)
        {
            if (values.Remove(setting + RabbitKeys.Address, out var address))
            {
                values[setting] = address with { Text = $"{address.Text}:{(values.TryGetValue(setting, out var given) ? given.Text : port)}" };
            }
        }
    }

    private static void Begin(Dictionary<string, ConfiguredValue> values, IReadOnlyList<ConfigurationLine> lines, string prefix, string tls, string plain)
    {
        foreach (var line in lines.Where(line => line.Key.StartsWith(prefix, StringComparison.Ordinal)).Take(1))
        {
            values.TryAdd(tls, new ConfiguredValue($"{Standard.First(listener => listener.Setting == tls).Port}", line));
            if (!values.ContainsKey(plain + RabbitKeys.Address))
            {
                values.TryAdd(plain, new ConfiguredValue("none", line));
            }
        }
    }
}
