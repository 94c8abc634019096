using System.Globalization;
using Granary.Bench.Calibration;
using Granary.Bench.Commands;

namespace Granary.Bench.Tests;

public sealed class BurstCommandTests : IDisposable
{
    private readonly NullBroker _broker = new(port: 0);

    public BurstCommandTests() => new Thread(_broker.Serve) { IsBackground = true }.Start();

    public void Dispose() => _broker.Dispose();

    [Theory]
    [InlineData(3, "--persistent", ExitCode.Done)]
    [InlineData(3, "--most=1", ExitCode.Failed)]
    [InlineData(3, "--most-after=1", ExitCode.Failed)]
    [InlineData(0, "--persistent", ExitCode.Usage)]
    public void Burst_OfAFewMessages_JudgesTheMemory(int connections, string option, int code) =>
        Assert.Equal(code, BurstCommand.Build().Parse(
        [
            "--size=300000", "--rest=0", option,
            string.Create(CultureInfo.InvariantCulture, $"--connections={connections}"),
            string.Create(CultureInfo.InvariantCulture, $"--broker-pid={Environment.ProcessId}"),
            string.Create(CultureInfo.InvariantCulture, $"--port={_broker.Port}"),
        ]).Invoke());
}
