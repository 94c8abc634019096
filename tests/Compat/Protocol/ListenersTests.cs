using System.Globalization;
using Granary.Testing.Brokers;

namespace Granary.Compat.Tests.Protocol;

/// <summary>That a node is reached by its listeners only, whatever the libraries in it would open.</summary>
[WatchedBroker]
public sealed class ListenersTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private const string Listening = "0A";

    [Fact]
    public void Node_ThatRuns_ListensOnThePortsOfItsListenersAndNoOther()
    {
        if (shared.Broker.ProcessId is { } process)
        {
            int[] ports = [shared.Broker.AmqpPort, shared.Broker.GrpcPort, shared.Broker.HttpPort, shared.Broker.MetricsPort];

            Assert.Equal(ports.Order(), ListeningPorts(process).Order());
        }
    }

    // Of all sockets of the machine, those that the process has descriptors of.
    private static IEnumerable<int> ListeningPorts(int process)
    {
        var own = Directory.GetFiles($"/proc/{process}/fd").Select(descriptor => new FileInfo(descriptor).LinkTarget).ToHashSet();
        foreach (var table in new[] { "tcp", "tcp6" })
        {
            foreach (var line in File.ReadLines($"/proc/{process}/net/{table}").Skip(1))
            {
                // Number, local address, remote address, state, …, inode.
                var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fields[3] == Listening && own.Contains($"socket:[{fields[9]}]"))
                {
                    yield return int.Parse(fields[1].Split(':')[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                }
            }
        }
    }
}
