namespace Granary.Crash.Ledger;

/// <summary>What a run of the test counted; under the ledger's lock.</summary>
internal sealed class Totals
{
    public long Published { get; set; }

    public long Confirmed { get; set; }

    public long Refused { get; set; }

    public long Delivered { get; set; }

    public long Redelivered { get; set; }

    public long Acked { get; set; }

    public long Returned { get; set; }

    /// <summary>Deliveries of messages whose acknowledgement had been sent and was lost with the broker.</summary>
    public long CameBack { get; set; }

    public override string ToString() =>
        $"published {Published}, confirmed {Confirmed}, refused {Refused}, delivered {Delivered}, redelivered {Redelivered}, acked {Acked}, given back {Returned}, "
        + $"acked and came back {CameBack}";
}
