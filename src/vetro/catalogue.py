"""The text of every message, by its stable code.

A text says where - what - how to fix it.  {name} is a value.  {name!q} is a value in double quotes,
cut at 40 characters.  {=setting value} is something to set, which each door words (settings.py); if
the message has a value with the name `value`, that value is shown, else the text itself.  {-setting value}
proposes to leave it out.  E refuses, W warns and continues, I informs.
"""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    # Reading a table
    "E101": "{source} is empty ({size}). Provide a header and at least 2 rows.",
    "E102": "{source} has {rows}; at least 2 are needed. {fix}",
    "E103": "{source}:{line}: byte 0x{byte:02X} at offset {offset} is not {encoding}{guess}. {fix}",
    "E104": '{source}: both "{first}" and "{second}" fit as separator. '
    "Use {=sep first} or {=sep second}.",
    "I105": "Read with separator {sep!q} and decimal {decimal!q}: {example!q} is {value} ({place}).",
    "E106": "column {column!q}, {place}: {value!q} may mean {first} or {second}. {fix}",
    "E107": "column {column!q}: {place} {value!q} and {other_place} {other!q} use "
    "different decimal marks. Make them the same.",
    "E108": "{source}:{line}: {found} where the header has {expected}. {fix}",
    "E109": "{source}:{line}: the quote opened at column {position} is never closed. "
    "Add the closing quote.",
    "E110": "columns {first} and {second} are both named {name!q}. {fix}",
    "E111": "{source}:{line}: {what}. {fix}",
    "E112": "column {column!q}, {place}: {value!q} is not finite. "
    "Correct it, or use {=missing value}.",
    "E113": "column {column!q}: {bad} of {rows} values are not numbers (first {value!q}, {place}). "
    "{fix}",
    "E114": "{role} {name!q} not found. {hint}Columns: {columns}",
    "E115": "target {column!q} is empty in {rows} (first {place}). "
    "Fill them, or use {=drop_missing_target yes}.",
    "W116": "column {column!q} always equals {value}; ignored.",
    "W117": "column {column!q} is different in every row and looks like an identifier; ignored. "
    "Use {=inputs column} to keep it.",
    "W118": "column {column!q}: {value!q} has leading zeros; {outcome}. "
    "Use {=number column} to override.",
    "W119": "column {column!q}: {value} exceeds 2^53 and would lose digits. Use {=category column}.",
    "E120": "column {column!q}: {value!q} may be {readings}. {fix}",
    "W121": "column {column!q}: {value!q} in {rows} kept as a category. "
    "Use {=missing value} if they are blanks.",
    "W122": "column {column!q} is empty; ignored.",
    "W123": "column {column!q} holds {levels} different texts in {rows} rows; ignored. "
    "Use {=category column} to keep it.",
    "E124": "{source} not found. {hint}",
    "E125": "{source}: {what}. {fix}",
    "E126": "{source} needs the extra {extra!q}. Install it: pip install 'vetro[{extra}]'.",
    "E127": "{source}: the query failed: {reason}. Correct {=query}.",
    "E128": "column {column!q} has the type {type}, which Vetro does not read. {fix}",
    "E129": "column {column!q}, {place}: {value!q} is not {what}{reason}. {fix}",
    "W130": "{source}: {rows} with a wrong number of fields {were} skipped (first {place}).",
    "E131": "{source}:{line}: the header has an empty name in column {position}. Name it.",
    "I132": "column {column!q}: {value!q} in {rows} read as missing.",
    "W134": "{source}: {count} of {of} names in the first line could be values (first {name!q}). "
    "Use {=header no} if that line holds values.",
    "E135": "column {column!q}: {place} {value!q} has an offset from UTC and {other_place} {other!q} "
    "has none. Write all dates of the column in one way.",
    "E136": "column {column!q}: {place} {value!q} is a date of the form {form} and "
    "{other_place} {other!q} one of the form {other_form}. Write all dates of the column in one way.",
    "E137": "column {column!q}: {what}, and the model was trained with {known}. {fix}",
    "I138": "column {column!q}: years of two digits are read as 1969 to 2068: {value!q} is {date}.",
    "I139": "column {column!q}: {value!q} and all other values could be dates; read as numbers. {fix}",
    "I140": "column {column!q} holds times of day (first {value!q}). {fix}",
    "I141": "column {column!q} holds durations; read as seconds (first {value!q}: {seconds}).",
    "W142": "column {column!q} looks like dates or times that Vetro does not read (first {value!q}); "
    "{outcome}{reason}. {fix}",
    "E160": "{source}:{line}: {value!q} {what}. {fix}",
    "E161": "{source}:{line}: {value!q} {what}. {fix}",
    "I162": "{source}: the {what} is {place}. Left out above it: {lines}.",
    "I163": "{source}:{line}: the first column has no name; it is called {name!q}.",
    "I164": "{source}: {rows} with a separator; the empty column after it is left out.",
    "I165": "{source}:{line}: read as units: {units}. Remove the line if it holds something else.",
    "E166": "{source}:{line}: {value!q} may be a total or a row. {fix}",
    "I167": "{source}: left out below the table: {lines}.{fix}",
    "I168": "{source}: {areas} (first {first}) read with their value in every row that they span.",
    "I169": "{source}: read as one table: {how}.",
    "I174": "{source}: {columns} without a name and without a value left out.",
    "I175": "{source}: the columns are separated by two or more blanks.",
    "I176": "column {column!q}: {value!q} and all other values could be {what}; read as numbers. {fix}",
    "I177": "column {column!q}: the offsets from UTC differ ({first!q}, {second!q}); all times are in UTC.",
    "I179": "column {column!q}: its texts are read as an order, {order} ({why}). "
    "Use {=unordered column} if they have none.",
    "I180": "column {column!q} holds {levels} different texts: the {kept} most frequent, {share:.0%} of the "
    "rows, are levels, and the others are read as <other>. Use {=category column} to keep all, or "
    "{=drop column}.",
    "W171": "column {column!q} holds {texts}; ignored. A level has {most} characters at most.",
    "E143": "column {column!q}: {place} {value!q} and {other_place} {other!q} have different units. "
    "Write all cells in one unit, or use {=category column} or {=drop column}.",
    "I151": "column {column!q} read as dates in the form {format!q} ({value!q} is {date}). "
    "Use {=number column} if they are numbers.",
    "W152": "column {column!q}: {value!q} is read as a date of the year {year}. Use {=missing value} if "
    "it means a missing date. Convert dates of another calendar.",
    "W153": "{source}: no column holds dates of the form {format!q}. "
    "Correct it, or leave out {-date_format}.",
    "W154": "column {column!q}: {value!q} in {rows} (first {place}) lies far from all others and is read "
    "as a number. {fix}",
    "I144": "{columns}: {reading}. {fix}",
    "I145": "column {column!q}: {value!q} may be a number or a label; {outcome}. "
    "Use {=number column} if it is one.",
    "W146": "column {column!q}: the header says {header!q}, the cells say {unit!q}; read in {unit!q}. "
    "Correct the header, or convert the cells.",
    "W147": "column {column!q}: {count} of {of} values are numbers ({share:.0%}), but not {value!q} "
    "({place}); {outcome}. {fix}",
    "W148": "column {column!q} holds numbers in a form that Vetro does not read (first {value!q}, "
    "{place}); {outcome}. Write plain numbers, or use {=category column} if they are labels.",
    "W149": "column {column!q}, {place}: {value!q} is too small for 64-bit numbers; read as {number}. "
    "Give the column in another unit if 0 is not meant.",
    "I150": "column {column!q}: {value!q} is read as {number} ({place}). "
    "Use {=category column} if it is a label.",
    "W170": "column {column!q} has the type {type}, which Vetro does not read; ignored.{fix}",
    "I171": "column {column!q}: {first!q} and {second!q} are read as one level ({levels} written in "
    "several ways, {rows}).",
    "I172": "column {column!q}: {first!q} and {second!q} differ in capitals only; read as two levels.",
    "I173": "column {column!q} holds periods; each is read as the date of its start ({value!q} is {date}).",
    "W174": "column {column!q}: {value!q} ({place}) names a sum of other rows, which counts them twice "
    "({rows}). {fix}",
    # Before training
    "E219": "the order of column {column!q} is not valid: {what}. {fix}",
    "W201": "column {column!q} {strength} {target!q} (held-out {score}): perhaps it is known only "
    "afterwards. Drop it unless you have it when predicting.",
    "W202": "{rows} occur in training and in validation. Remove duplicates, or use {=group} with the "
    "column that says which rows belong together.",
    "W203": "class {label!q} is {share:.1%} of {of} ({rows}). Accuracy misleads; use "
    "{=class_weight balanced} and read the precision-recall curve.",
    "E204": "target has one class ({label!q}); at least 2 are needed.",
    "E205": "target is always {value}; there is nothing to learn. Check {=targets}.",
    "W206": "{rows} rows for {inputs} inputs: overfitting is likely. "
    "Use {=weight_decay}, or fewer columns.",
    "E207": "several targets must all be numbers; {column!q} is a {kind}. Fit it separately.",
    "E208": "no input column is left. {fix}",
    "E209": "target {column!q} has {classes} classes in {rows} rows. {fix}",
    "E210": "{what}. {fix}",
    "I211": "target {column!q} is a {kind}: {task}.",
    "E212": "weight column {column!q}, {place}: {value} is {what}. "
    "A weight must be 0 or more; rows of weight 0 are left out.",
    "I213": "{rows} without a target left out.",
    "I214": "{rows} of weight 0 left out.",
    "W217": "target {column!q} is empty in {rows} (first {place}), left out here; a fit refuses them. "
    "Fill them, or use {=drop_missing_target yes}.",
    "E218": "target {column!q} {what}: squares of its errors are outside the range of 64-bit numbers. "
    "Give it in another unit, {step} by a power of ten.",
    # Training
    "E301": "Diverged at {where}: the loss is {loss}; first non-finite value in {tensor}. "
    "The best parameters (epoch {best}) were kept. Try {fix}.",
    "E302": "Diverged at {where}: the loss is {loss}; first non-finite value in {tensor}. "
    "No epoch was completed, so there is nothing to keep. Try {fix}.",
    "W303": "{layer}: {dead} of {units} ReLU units are 0 on all rows. "
    "Lower {=learning_rate}, or use {=activation leaky_relu}.",
    "W305": "Stopped at the limit of {epochs} epochs while the error still fell {rate:.1%} per epoch. "
    "Use {=epochs suggestion}.",
    "W306": "Held-out R2 {score:.2f}: worse than predicting the mean. {fix}",
    "W307": "Training {metric} {training:.2f}, held-out {held_out:.2f}: overfitting. "
    "Use a larger {=weight_decay}, fewer columns, or more rows.",
    "W318": "Held-out {metric} {score:.2f}: no better than {simplest} ({chance:.2f}). {fix}",
    "E308": "the loss can fall without bound ({reason}). {fix}",
    "E309": "the {name} tensor is {dtype}; gradients need floats. Use {fix}.",
    "W310": "gradients were already non-zero before the first step ({parameter}): backward() adds to "
    "them, so every step begins with zero_grad(), which discarded these. Call optimizer.zero_grad() "
    "before training if this is what you want.",
    "E311": "the optimizer holds no parameter of this module ({first} belongs elsewhere). "
    "Give {optimizer} module.parameters(), after the module was built or copied.",
    "W312": "the optimizer does not hold {count} of the module's parameters (first {first}): they will "
    "not change. Give {optimizer} module.parameters(), or freeze them with requires_grad_(False).",
    "E313": "{name} has shape {target}, the output {output}: they would broadcast to {broadcast} "
    "and the loss would compare every row with every other. Use {fix}.",
    "W314": "the module is in eval mode: {layers} acts as in prediction. Use module.train() first.",
    "E315": "{what}. {fix}",
    "W316": "Stopped by {reason} in {where}; the best parameters (epoch {best}) were kept. "
    "Use {=resume} to go on.",
    "E317": "Diverged at step {step}: the loss is {loss}; first non-finite value in {tensor}. "
    "{kept}Lower the learning rate (now {lr:g}), or clip gradients.",
    "E328": "{optimizer} solves a system of {columns:,} equations in every step, one for each parameter "
    "that learns; at most {most:,} are possible. Use a smaller network, or torch.optim.Adam.",
    "E329": "{optimizer} solves a system of {columns:,} equations in every step, one for each parameter; "
    "at most {most:,} are possible. Use for example {=hidden units} and {=numbers raw}, or "
    "{=optimizer adamw}.",
    "I330": "{optimizer} takes the learning rate {rate:g}, by a test of 200 steps. Use {=learning_rate rate} "
    "to take another one.",
    "W320": "the optimizer does not hold {where} of {owner}, {what} that learns: {optimizer} will not "
    "change it. {fix}.",
    "W321": "the module ends with {layer}, and {loss} takes unbounded numbers (logits): training is "
    "slow and stops too early. {fix}.",
    "W322": 'the torch engine runs, at the speed of the plain loop: {reason}. Use engine="torch" to '
    "silence this.",
    "W323": "the validation loss was never a finite number, so there was no best epoch; the "
    "parameters of the last step stay. Look at the outputs for the validation rows.",
    "W324": "the loss gives {function} the module's output as the target, and y as the input. "
    "Use loss=lambda output, target: {function}(output, target).",
    "W325": "the module ends with {layer} over {over}. {fix}.",
    "W326": "the learning rate of {optimizer} is 0: no parameter will change. "
    "Use {optimizer}(..., lr=0.01).",
    "W327": "the loss has a gradient of 0 by every output, so no step changes anything. "
    "Leave out sign(), round() and comparisons from the loss.",
    "I319": "The torch engine trains, more slowly: {reason}.",
    # Predicting and files
    "E401": "{columns} missing (the model needs: {needs}). {fix}",
    "E419": "{source}: column {column!q} is in {unit}, and the model knows it in {known}. "
    "Convert its values, and write {known} in the row of units.",
    "E402": "column {column!q}, {place}: {value!q} was not seen in training. {fix}",
    "W403": "values outside the training range, where predictions extrapolate: {columns}.",
    "W404": "column {column!q}: {value!q}{others} {were} not seen in training ({rows}); "
    "read as {reading}. {fix}",
    "E405": "{what}. {fix}",
    "E408": "the answer or target of {rows} is not finite, or too large to be squared ({places}), so that "
    "no metric can be computed. Correct these rows, or leave them out.",
    "W411": "{rows} far from the rows of the fit, up to {times} times as far as usual ({places}); "
    "{wider}.",
    "E418": "the held-out rows of the model are too few for intervals of level {level}. {fix}",
    "W410": "there is no finite answer for {rows} ({places}): the cells are empty. "
    "The inputs lie too far outside the training range; correct them.",
    "W409": "column {column!q}: {value!q} in {rows} is read as a number; in the model's table it meant "
    "missing. Use {=missing value} if it means that here too.",
    "W407": "{source} is the table that the model was fitted to: these figures are too good. "
    "Use rows it never saw; {command} shows its held-out quality.",
    "W406": "column {column!q} is empty in {rows} (first {place}), and was never empty in training; "
    "read as {reading}.",
    "E416": "column {column!q}, {place}: {value!q} is in {unit!q}, but the model's column {other}. "
    "Convert it to the model's unit.",
    "W417": "column {column!q}: the numbers have no unit; read in {unit!q}, as in training. "
    "Write the unit in the cells to be sure.",
    "E501": "{path}: damaged or edited ({reason}). Restore it.",
    "E502": "{path} is a pickle and could run code; Vetro does not open it. "
    "Use a .safetensors model.",
    "E503": "Cannot save {what}: {reason}. {intact}{fix}",
    "E504": "Cannot resume: {reason}. {fix}",
    "E505": "{path} is not a model file: {reason}. Use a .safetensors file written by Vetro.",
    "E506": "{path} was written by a newer Vetro (format {found}; this one reads {known}). "
    "Update Vetro.",
    "E507": "{path} not found. {hint}",
    "E508": "{path}: {reason}. {fix}",
    "E509": "{path} was written by an older Vetro (format {found}), whose members each read the "
    "inputs with means, medians and levels of their own; now all share them. Fit the table again.",
    # Arguments and recipes
    "E601": "{argument} {value!q} is not valid: {reason}. {fix}",
    "E602": "{source}: unknown entry {name!q}. {hint}Entries: {entries}",
    "E603": "{source}:{line}: not valid TOML: {reason}. Correct it.",
    "E604": "{what}. {fix}",
    # Looking inside
    "E701": "Vetro cannot look into this: {reason}. It understands chains of linear layers, activations, "
    "layer norms and sums; vetro.explain_engine names the part that is none of these.",
    "E702": "{what}. {fix}",
    # verify and backprop
    "E711": "{what}. {fix}",
    "E710": "{what}. {fix}",
    # formula
    "E721": "{what}. {fix}",
    "E722": "this formula is a tangent: it has {what}. Only piecewise linear networks have one (relu, "
    "leaky_relu or no activation; for a classification, the scores of one member).",
    # bounds and proofs
    "E731": "column {column!q}: {what}. {fix}",
    "E732": "{what}. {fix}",
    "E733": "over this box, values may exceed the largest {dtype}, so that no bound exists. "
    "Use narrower ranges.",
    "E734": "{claim!q} cannot be read as a claim: {reason}. {fix}Forms: {forms}",
    "W731": "column {column!q}: {low} to {high} goes beyond the training range {least} to {most}; "
    "the proof holds there, but the model extrapolates.",
    "W732": "column {column!q} may be missing in this box, but no training row lacked it; "
    "the model reads it as {reading}.",
    # diagnose
    "E741": "{what}. {fix}",
    "W741": "{layer}: dead units, 0 on all {rows}: {count} ({units}). They learn nothing. Lower the "
    "learning rate ({=learning_rate}), use {=activation leaky_relu}, or use fewer units ({=hidden}).",
    "W742": "{layer}: units that are positive on all {rows}: {count} ({units}). They act as a straight line. "
    "Fewer units may be enough ({=hidden}).",
    "W743": "{layer}: some units rise and fall together ({what}). Use {spare} fewer ({=hidden}), "
    "or more weight decay ({=weight_decay}).",
    "W744": "{layer}: saturated units, at their limits on nearly all of {rows}: {count} ({units}). They hardly "
    "learn. Scale the inputs, lower the learning rate ({=learning_rate}), or use more weight decay "
    "({=weight_decay}).",
    "W745": "hardly any effect compared with {most}: {columns}. Leave them out ({=drop}) and check whether "
    "the held-out error stays the same.",
    "W746": "members disagree at {rows}: {places}, up to {times} times the usual spread. Trust these "
    "answers less; more rows of this kind would help.",
    "W747": "{rows} {pull} the fit far more than the mean row does: {places}. Look for wrong cells; if all "
    "are right, a loss such as huber ({=loss huber}) gives distant rows less weight.",
    "W748": "the validation loss of {networks} was lowest near epoch {epoch} and then rose by {share}%; the "
    "best parameters were kept. Use fewer epochs ({=epochs}), or more weight decay ({=weight_decay}).",
    "W749": "gradients fade: those of {layer} are {share} of the largest layer's. Use {=activation relu}, "
    "use fewer layers, or scale the inputs.",
    "W740": "{member} differs from the others: its answers are {times} times as far from the members' median "
    "as theirs. Look at its training in the report, or fit again with another {=seed}.",
    "W750": "in {networks}, the weights of {layer} shrank to {share}% of their first size, or less: the layer "
    "passes hardly anything on. Lower the learning rate ({=learning_rate}) or the weight decay ({=weight_decay}).",
    # the tour
    "E751": "the tour is not available in {language!q}. Use {=lang} {languages}.",
    "E752": "the tour has no step {step!q}. Use {=step} with a number from 1 to {total}.",
    # Vetro failed
    "E901": "Not enough memory: {reason}. {fix}",
    "E900": "Vetro failed: {reason}. This is a fault of Vetro. Report it with the traceback, which --debug shows on the command line.",
}
