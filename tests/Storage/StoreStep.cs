using CsCheck;

namespace Granary.Storage.Tests;

/// <summary>What happens in one step of a walk over a store.</summary>
internal enum StoreAct
{
    Flush,
    ReadSome,
    TakeOver,
    ReadRows,
    Tidy,
    Crash,
    Reopen,
    ReadAll,
}

/// <summary>A step of a walk over a store, and where the numbers begin that say with what: so a step does the like in whatever walk it is.</summary>
internal sealed record StoreStep(StoreAct Act, int Seed)
{
    public static Gen<StoreStep> Any { get; } = Gen.Select(
        Gen.Frequency(
            (60, Gen.Const(StoreAct.Flush)), (30, Gen.Const(StoreAct.ReadSome)), (6, Gen.Const(StoreAct.TakeOver)),
            (4, Gen.Frequency(
                (2, Gen.Const(StoreAct.ReadRows)), (2, Gen.Const(StoreAct.Tidy)), (1, Gen.Const(StoreAct.Crash)), (1, Gen.Const(StoreAct.Reopen)), (2, Gen.Const(StoreAct.ReadAll))))),
        Gen.Int[0, 9_999],
        (act, seed) => new StoreStep(act, seed));

    public override string ToString() => $"{Act} {Seed}";
}
